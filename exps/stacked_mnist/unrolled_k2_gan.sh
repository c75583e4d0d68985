#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 2: the plain GAN of the same networks.
# Published: number not found; those of this protocol are of other settings, unrolled_k2_dcgan.sh.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k2_gan $UNROLLED --network_args k=2 $GAN "$@"
