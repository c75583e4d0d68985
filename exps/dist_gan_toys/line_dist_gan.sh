#!/bin/sh
# 1-D toy: Dist-GAN, three D steps.
# Published (tntrung/gan, distgan_toy1d): an animation, no numbers; its readme says that Dist-GAN is stable.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_dist_gan $LINE $TOY_DIST_GAN --penalty_norm=l2 \
  --lambda_p=0.01 --reg_features=real --d_steps=3 --batch_size=320 --save_images_every=5 "$@"
