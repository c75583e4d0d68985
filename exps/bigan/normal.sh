#!/bin/sh
# BiGAN on MNIST with N(0, 1) latents: the authors' networks, learning rate linearly to zero over 100 epochs (the course homework's settings).
# Published: no number.
set -eu; cd "$(dirname "$0")/../.."; . exps/bigan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=bigan/normal --network_args variant=official --z_dist=normal --iterator_args valid=10000 --weight_decay=5e-5 \
  --lr_schedule=linear --epochs=100 --save_every=10 --save_images_every=10 --recon_every=5 "$@"
