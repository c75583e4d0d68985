#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 1: Dist-GAN. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k1_dist_gan \
  $UNROLLED --network_args k=1 $DIST_GAN "$@"
