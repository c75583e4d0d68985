#!/bin/sh
# BiGAN on 10,000 digits, minutes on a CPU: the authors' networks at a quarter of their width, N(0, 1)
# latents; 1,000 training digits choose the probe's weight decay.
# Published: no row of any table; docs/bigan.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=bigan/mnist10k $TABLE --iterator_args root="$DATA" valid=1000 \
  --network_args variant=official width=256 --z_dist=normal --lr=1e-3 --lr_schedule=linear \
  --max_steps=2500 --save_every=0 --save_images_every=12 --recon_every=4 --threads=1 "$@"
