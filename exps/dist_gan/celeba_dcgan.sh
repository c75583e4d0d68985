#!/bin/sh
# Dist-GAN on CelebA at 64x64, DCGAN. Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/celeba_dcgan $DCGAN $CELEBA --z_dim=100 "$@"
