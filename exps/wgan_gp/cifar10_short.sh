#!/bin/sh
# WGAN-GP on CIFAR-10 for 200 critic steps with narrow networks, minutes on a processor: shows that the Wasserstein estimate falls. DATA is the folder with
# CIFAR-10, or with cifar10-jpeg.zip. The learning rate stays constant.
# Published: no row of any table; docs/wgan-gp.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/wgan_gp/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=wgan_gp/cifar10_short --iterator_args root=${DATA:-data} --network_args variant=homework width=16 --batch_size=64 \
  --lr_schedule=constant --max_steps=200 --log_every=10 --save_every=0 --save_images_every=0 --threads=1 "$@"
