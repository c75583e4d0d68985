#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 1: the plain GAN of the same networks. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k1_gan $UNROLLED --network_args k=1 $GAN "$@"
