#!/bin/sh
# Dist-GAN on cifar100, DCGAN, log loss.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/cifar100_dcgan --iterator=iterators/cifar100.py "$@"
