#!/bin/sh
# 1-D toy: manifold-diffusion GAN.
# Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $LINE --name=dist_gan_toys/line_mdgan --trainer=trainers/ae_gans.py --model=mdgan --network=networks/dist_gan_mlp.py \
  --network_args $LINE_NETS discs=2 --batch_size=128 --save_images_every=2 "$@"
