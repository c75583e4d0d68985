#!/bin/sh
# AMR, dSprites: Bernoulli mixup (fm2). Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/bern $TABLE $BERN --epochs=500 "$@"
