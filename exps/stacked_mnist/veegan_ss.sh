#!/bin/sh
# Stacked MNIST, VEEGAN setting: SS-Dist-GAN, DCGAN, as many iterations as 50 epochs of batch 64; weights of the DCGAN on MNIST.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $VEEGAN $DIST_GAN $DATA_SET --name=stacked_mnist/veegan_ss --network_args classes=4 --self_supervised=ss --lambda_d=1 --max_steps=100000 "$@"
