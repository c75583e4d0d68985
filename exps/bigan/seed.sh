#!/bin/sh
# BiGAN on MNIST as the code of "Various GAN architectures in PyTorch" has it: its networks, the literal
# (saturating) objective, no weight decay.
# Published: pictures only.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=bigan/seed $TABLE --network_args variant=seed \
  --loss=minimax --z_dist=normal --weight_decay=0 --lr_schedule=linear \
  --epochs=256 --save_every=16 --save_images_every=16 --recon_every=16 "$@"
