#!/bin/sh
# Stacked MNIST, VEEGAN setting: Dist-GAN. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/veegan_dist_gan $VEEGAN $DIST_GAN "$@"
