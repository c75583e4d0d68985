#!/bin/sh
# AMR, 20,000 SVHN images: mixup of 4 codes, lamb 10. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_20k_own/mixup4 $TABLE $MIXUP4 --lamb=10 --epochs=4000 "$@"
