#!/bin/sh
# 1-D toy: mode-regularised GAN. Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_rgan \
  $AE_GAN --model=rgan --batch_size=192 --save_images_every=3 "$@"
