#!/bin/sh
# Dist-GAN on cifar10, DCGAN, log loss.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/cifar10_dcgan --iterator=iterators/cifar10.py --lambda_p=1 --weights=moving "$@"
