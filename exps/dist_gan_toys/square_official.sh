#!/bin/sh
# 2-D toy, SQUARE: Dist-GAN with the original's settings, reconstructions labelled generated, as its code has
# them. Labelled real, as in the paper: --official_quirks.
# Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/square_official \
  $OFFICIAL --iterator_args layout=square --official_quirks recon_fake "$@"
