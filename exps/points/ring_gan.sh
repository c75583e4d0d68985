#!/bin/sh
# The ring of 8, plain GAN, non-saturating. Published: number not found (PacGAN's: ring_pacgan.sh).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/ring_gan $RING "$@"
