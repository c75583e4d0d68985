#!/bin/sh
# 1-D toy: WGAN-GP, three critic steps an iteration, so 30,000 steps.
# Published (tntrung/gan, distgan_toy1d): an animation, no numbers; its readme says that WGAN-GP matches at
# times and diverges later.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_wgangp $LINE_GAN --loss=wgan \
  --penalty gp=0.1 --update_g_every=3 --max_steps=30000 --save_images_every=3 --log_every=900 "$@"
