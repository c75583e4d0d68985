#!/bin/sh
# The ring of 8, WGAN-GP (Gulrajani et al. 2017). Published: number not found (PacGAN's: ring_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/ring_wgan_gp $RING $WGAN_GP "$@"
