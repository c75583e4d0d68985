#!/bin/sh
# MS-Dist-GAN on cifar100, ResNet, hinge.
# Published: FID 19.74 (a public listing of the paper; protocol as for CIFAR-10, presumably).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/cifar100_resnet_ms --iterator=iterators/cifar100.py --network_args classes=5 --self_supervised=ms --lambda_d=0.5 --lambda_g=0.1 "$@"
