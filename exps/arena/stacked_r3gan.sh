#!/bin/sh
# Stacked MNIST with R3GAN, narrow: RpGAN + R1 + R2 and its schedules, over a run of 5,000 steps of 64.
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/stacked_r3gan $STACKED $R3GAN \
  --penalty r1=1 r2=1 --anneal lr=5e-5 beta2=0.99 r1=0.1 r2=0.1 ema_images=20000 --anneal_images=320000 "$@"
