#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 4: MS-Dist-GAN.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $UNROLLED $DIST_GAN $DATA_SET --name=stacked_mnist/unrolled_k4_ms --network_args k=4 classes=5 --self_supervised=ms --lambda_d=0.5 --lambda_g=0.2 --max_steps=200000 "$@"
