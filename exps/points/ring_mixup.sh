#!/bin/sh
# The ring of 8, hidden mixup (Verma et al. 2018), R1. Published: number not found (PacGAN's: ring_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/ring_mixup $RING $HIDDEN_MIXUP "$@"
