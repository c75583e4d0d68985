#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, SN-CNN, hinge. DATA_DIR, or root=..., holds the official npz batches.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/imagenet32_sncnn_ms --iterator=iterators/imagenet32.py --network_args classes=5 --self_supervised=ms --lambda_d=1 --lambda_g=0.01 "$@"
