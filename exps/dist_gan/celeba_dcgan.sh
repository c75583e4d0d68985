#!/bin/sh
# Dist-GAN on CelebA at 64x64, DCGAN, log loss.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/celeba_dcgan --iterator=iterators/celeba.py --z_dim=100 "$@"
