#!/bin/sh
# Dist-GAN on cifar100, SN-CNN, hinge.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/cifar100_sncnn --iterator=iterators/cifar100.py "$@"
