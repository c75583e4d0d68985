#!/bin/sh
# Stacked MNIST, VEEGAN setting: Dist-GAN, DCGAN, as many iterations as 50 epochs of batch 64.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $VEEGAN $DIST_GAN $DATA_SET --name=stacked_mnist/veegan_dist_gan --max_steps=100000 "$@"
