#!/bin/sh
# BiGAN on MNIST with N(0, 1) latents: the authors' networks, learning rate linearly to zero over 100 epochs
# (the course homework's settings).
# Published: no number.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=bigan/normal $TABLE --network_args variant=official --z_dist=normal \
  --lr_schedule=linear --epochs=100 --save_every=10 --save_images_every=10 --recon_every=5 "$@"
