#!/bin/sh
# Dist-GAN on MNIST, DCGAN. Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/mnist_dcgan $DCGAN $MNIST $MNIST_AE "$@"
