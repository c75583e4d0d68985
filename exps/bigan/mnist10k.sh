#!/bin/sh
# BiGAN on 10,000 digits for a processor's minutes: the authors' networks at a quarter of their width, N(0, 1) latents. DATA is the folder that holds
# torchvision's MNIST (DATA/MNIST/raw); 1,000 training digits choose the probe's weight decay.
# Published: no row of any table; docs/bigan.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/bigan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=bigan/mnist10k --iterator_args root=${DATA:-data} valid=1000 --network_args variant=official width=256 --z_dist=normal \
  --lr=1e-3 --weight_decay=5e-5 --lr_schedule=linear --max_steps=2500 --save_every=0 --save_images_every=12 --recon_every=4 --threads=1 "$@"
