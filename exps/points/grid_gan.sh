#!/bin/sh
# The grid of 25, plain GAN, non-saturating. Published: number not found (PacGAN's: grid_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/grid_gan $GRID "$@"
