#!/bin/sh
# AMR, dSprites: beta-VAE, called beta 110 there. Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/beta_vae11 $TABLE $BETA_VAE --beta=11 --epochs=500 "$@"
