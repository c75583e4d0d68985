#!/bin/sh
# The grid of 25, hidden mixup (Verma et al. 2018), R1.
# Published: number not found (PacGAN's: grid_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/grid_mixup $GRID $HIDDEN_MIXUP "$@"
