#!/bin/sh
# WGAN-GP on CIFAR-10 for 200 critic steps with narrow networks, minutes on a CPU: shows that the
# Wasserstein estimate falls. DATA may hold cifar10-jpeg.zip. The learning rate stays constant.
# Published: no row of any table; docs/wgan-gp.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=wgan_gp/cifar10_short $TABLE --iterator_args root="$DATA" \
  --network_args variant=homework width=16 --batch_size=64 --lr_schedule=constant \
  --max_steps=200 --log_every=10 --save_every=0 --save_images_every=0 --threads=1 "$@"
