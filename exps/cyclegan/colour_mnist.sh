#!/bin/sh
# CycleGAN, MNIST and coloured MNIST: the setting of a public course solution (5 epochs, batch 128, lr falling
# to 0, no pool, D's loss in full, one logit for each image).
# Published: pictures only, no number.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cyclegan/colour_mnist $DIGITS \
  --iterator_args root="$DATA" --network_args strides=3 mean=True --batch_size=128 \
  --epochs=5 --lr=2e-4 --lr_schedule=linear --pool_size=0 --d_weight=1 --save_every=1 "$@"
