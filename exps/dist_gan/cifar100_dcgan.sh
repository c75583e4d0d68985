#!/bin/sh
# Dist-GAN on CIFAR-100, DCGAN. Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar100_dcgan $DCGAN $CIFAR100 "$@"
