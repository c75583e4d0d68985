#!/bin/sh
# The grid of 25, R1, R2 (Mescheder et al. 2018). Published: number not found (PacGAN's: grid_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/grid_r1 $GRID $R1_R2 "$@"
