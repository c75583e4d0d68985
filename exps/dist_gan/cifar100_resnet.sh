#!/bin/sh
# Dist-GAN on cifar100, ResNet, hinge.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/cifar100_resnet --iterator=iterators/cifar100.py "$@"
