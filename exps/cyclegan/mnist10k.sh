#!/bin/sh
# CycleGAN, 9,000 digits and coloured digits, narrow networks, for a processor's minutes. Published: no such row; docs/cyclegan.md has what came out.
# DATA is the folder that holds torchvision's MNIST (DATA/MNIST/raw). Expected time: 17 minutes.
set -eu; cd "$(dirname "$0")/../.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=cyclegan/mnist10k --trainer=trainers/cyclegan.py --network=networks/cyclegan_mnist.py \
  --network_args width=16 disc_width=32 --iterator=iterators/colour_mnist.py --iterator_args root="${DATA:-data}" \
  --batch_size=8 --max_steps=2800 --lr=4e-4 --lr_schedule=half --save_every=1 --keep_last=1 --threads=1 --resume=auto "$@"
