#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 4: the plain GAN of the same networks.
# Published: number not found; those of this protocol are of other settings, unrolled_k4_dcgan.sh.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k4_gan $UNROLLED --network_args k=4 $GAN "$@"
