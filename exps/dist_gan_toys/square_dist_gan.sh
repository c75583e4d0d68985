#!/bin/sh
# 2-D toy, SQUARE: Dist-GAN.
# Published (Tran et al. 2018): number not found. Protocol of tntrung/gan, distgan_toy2d: 2,000 samples, registered within 2.83 sigma, a mode covered by 20; here 2,500 samples.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $PLANE_DIST_GAN --name=dist_gan_toys/square_dist_gan --iterator_args layout=square scale=symmetric "$@"
