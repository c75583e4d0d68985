#!/bin/sh
# MS-Dist-GAN on MNIST, DCGAN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/mnist_dcgan_ms $DCGAN_MS $MNIST $MNIST_AE "$@"
