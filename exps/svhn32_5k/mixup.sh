#!/bin/sh
# AMR, 5,000 SVHN images: mixup of 2 codes, lamb 10. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_5k_own/mixup $TABLE $MIXUP --lamb=10 --epochs=6000 "$@"
