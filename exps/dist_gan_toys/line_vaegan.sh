#!/bin/sh
# 1-D toy: VAE/GAN. Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_vaegan \
  $AE_GAN --model=vaegan --network_args variational=True "$@"
