#!/bin/sh
# AMR, dSprites: mixup of 2 codes. Published (Beckham et al. 2019, Table 4): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dsprites/mixup $TABLE $MIXUP --epochs=500 "$@"
