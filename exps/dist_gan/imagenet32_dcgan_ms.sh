#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, DCGAN, log loss. DATA_DIR, or root=..., holds the official npz batches.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/imagenet32_dcgan_ms --iterator=iterators/imagenet32.py --network_args classes=5 --self_supervised=ms --lambda_d=1 --lambda_g=0.1 "$@"
