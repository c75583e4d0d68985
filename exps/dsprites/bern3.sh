#!/bin/sh
# AMR, dSprites: Bernoulli mixup of 3 codes (fm). Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/bern3 $TABLE $BERN3 --epochs=500 "$@"
