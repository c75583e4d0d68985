#!/bin/sh
# 1-D toy: WGAN-GP, three critic steps an iteration, so 30,000 steps.
# Published (tntrung/gan, distgan_toy1d): an animation, no numbers; its readme says that WGAN-GP matches at times and diverges later.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $LINE --name=dist_gan_toys/line_wgangp --network=networks/mlp.py --network_args $LINE_NETS --loss=wgan \
  --penalty gp=0.1 --update_g_every=3 --batch_size=64 --max_steps=30000 --save_images_every=3 --log_every=900 "$@"
