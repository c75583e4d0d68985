#!/bin/sh
# MS-Dist-GAN on cifar10, ResNet, hinge.
# Published: FID 11.40, 10k-10k (abstract, and the readme of the port; the paper's table: not read).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/cifar10_resnet_ms --iterator=iterators/cifar10.py --network_args classes=5 --self_supervised=ms --lambda_d=0.5 --lambda_g=0.1 "$@"
