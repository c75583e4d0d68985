#!/bin/sh
# AMR, SVHN, code of 256: mixup of 8 codes, lamb 5. Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn256_downstream/mixup8_lamb5 \
  $TABLE $MIXUP8 --lamb=5 --epochs=4500 "$@"
