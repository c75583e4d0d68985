#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 4: MS-Dist-GAN. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k4_ms $UNROLLED \
  --network_args k=4 $DIST_GAN $MS --lambda_d=0.5 --lambda_g=0.2 "$@"
