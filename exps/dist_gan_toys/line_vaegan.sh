#!/bin/sh
# 1-D toy: VAE/GAN.
# Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $LINE --name=dist_gan_toys/line_vaegan --trainer=trainers/ae_gans.py --model=vaegan --network=networks/dist_gan_mlp.py \
  --network_args $LINE_NETS variational=True --batch_size=64 "$@"
