#!/bin/sh
# 2-D toy, SQUARE: the plain GAN of the same networks, five D steps an iteration, so 62,500 steps.
# Published (Tran et al. 2018): number not found. Protocol of tntrung/gan, distgan_toy2d: 2,000 samples, registered within 2.83 sigma, a mode covered by 20; here 2,500 samples.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $PLANE --name=dist_gan_toys/square_gan --iterator_args layout=square scale=symmetric --network=networks/mlp.py --network_args $PLANE_NETS \
  --update_g_every=5 --batch_size=128 --max_steps=62500 --lr_schedule=exp --lr_gamma=0.9943 --save_images_every=4 --log_every=1250 "$@"
