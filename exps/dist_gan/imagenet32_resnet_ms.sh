#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, ResNet, hinge. DATA_DIR, or root=..., holds the official npz batches.
# Published: FID 12.3 (a public listing of the paper; protocol as for CIFAR-10, presumably).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/imagenet32_resnet_ms --iterator=iterators/imagenet32.py --network_args classes=5 --self_supervised=ms --lambda_d=0.5 --lambda_g=0.1 "$@"
