#!/bin/sh
# MS-Dist-GAN on cifar100, DCGAN, log loss.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/cifar100_dcgan_ms --iterator=iterators/cifar100.py --network_args classes=5 --self_supervised=ms --lambda_d=1 --lambda_g=0.1 "$@"
