#!/bin/sh
# SS-Dist-GAN on cifar10, ResNet, hinge.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/cifar10_resnet_ss --iterator=iterators/cifar10.py --network_args classes=4 --self_supervised=ss --lambda_d=0.5 "$@"
