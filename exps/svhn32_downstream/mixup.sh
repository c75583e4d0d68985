#!/bin/sh
# AMR, SVHN, code of 32: mixup of 2 codes, lamb 10. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_downstream/mixup $TABLE $MIXUP --lamb=10 --epochs=6000 "$@"
