#!/bin/sh
# AMR, dSprites: an adversary on reconstructions, no mixes.
# Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/baseline \
  $TABLE $BASELINE --network_args ndf=64 --epochs=500 "$@"
