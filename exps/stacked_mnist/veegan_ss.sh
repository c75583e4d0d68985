#!/bin/sh
# Stacked MNIST, VEEGAN setting: SS-Dist-GAN; weights of the DCGAN on MNIST. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/veegan_ss $VEEGAN $DIST_GAN $SS --lambda_d=1 "$@"
