#!/bin/sh
# Stacked MNIST with R3GAN, narrow: RpGAN + R1 + R2, weights that fall.
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/stacked_r3gan $STACKED \
  --penalty r1=1 r2=1 --anneal r1=0.1 r2=0.1 "$@"
