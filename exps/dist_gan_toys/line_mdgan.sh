#!/bin/sh
# 1-D toy: manifold-diffusion GAN. Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_mdgan $AE_GAN \
  --model=mdgan --network_args discs=2 --batch_size=128 --save_images_every=2 "$@"
