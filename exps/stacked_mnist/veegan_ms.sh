#!/bin/sh
# Stacked MNIST, VEEGAN setting: MS-Dist-GAN; weights of the DCGAN on MNIST. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/veegan_ms \
  $VEEGAN $DIST_GAN $MS --lambda_d=1 --lambda_g=0.1 "$@"
