#!/bin/sh
# AMR, SVHN, code of 256: mixup of 3 codes, lamb 5. Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn256_downstream/mixup3_lamb5 \
  $TABLE $MIXUP3 --lamb=5 --epochs=4500 "$@"
