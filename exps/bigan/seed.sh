#!/bin/sh
# BiGAN on MNIST as the code of "Various GAN architectures in PyTorch" has it: its networks, the literal (saturating) objective, no weight decay, 256 epochs.
# Published: pictures only.
set -eu; cd "$(dirname "$0")/../.."; . exps/bigan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=bigan/seed --network_args variant=seed --loss=minimax --z_dist=normal --iterator_args valid=10000 --weight_decay=0 \
  --lr_schedule=linear --epochs=256 --save_every=16 --save_images_every=16 --recon_every=16 "$@"
