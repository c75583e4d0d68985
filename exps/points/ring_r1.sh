#!/bin/sh
# The ring of 8, R1, R2 (Mescheder et al. 2018). Published: number not found (PacGAN's: ring_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/ring_r1 $RING $R1_R2 "$@"
