#!/bin/sh
# Dist-GAN on CIFAR-10, DCGAN. Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_dcgan $DCGAN $CIFAR10 --lambda_p=1 --weights=moving "$@"
