#!/bin/sh
# MS-GAN on SSGAN's networks, on CIFAR-10: generated images are a fifth class, and G matches. Weights of the ResNet of MS-Dist-GAN.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/ssgan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=ssgan/cifar10_ms --iterator=iterators/cifar10.py --network_args classes=5 --self_supervised=ms --g_task=match --lambda_d=0.5 --lambda_g=0.1 "$@"
