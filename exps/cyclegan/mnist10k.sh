#!/bin/sh
# CycleGAN, 9,000 digits and coloured digits, narrow networks. Expected time: 17 minutes on a CPU.
# Published: no such row; docs/cyclegan.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cyclegan/mnist10k $DIGITS --iterator_args root="$DATA" \
  --network_args width=16 disc_width=32 --batch_size=8 --max_steps=2800 --lr=4e-4 \
  --lr_schedule=half --save_every=1 --keep_last=1 --threads=1 "$@"
