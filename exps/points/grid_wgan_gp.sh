#!/bin/sh
# The grid of 25, WGAN-GP (Gulrajani et al. 2017). Published: number not found (PacGAN's: grid_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/grid_wgan_gp $GRID $WGAN_GP "$@"
