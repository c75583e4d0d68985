#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 2: Dist-GAN. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k2_dist_gan \
  $UNROLLED --network_args k=2 $DIST_GAN "$@"
