#!/bin/sh
# AMR, dSprites: beta-VAE, called beta 100 there. Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/beta_vae10 $TABLE $BETA_VAE --beta=10 --epochs=500 "$@"
