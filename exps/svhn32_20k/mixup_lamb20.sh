#!/bin/sh
# AMR, 20,000 SVHN images: mixup of 2 codes, lamb 20. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_20k_own/mixup_lamb20 $TABLE $MIXUP --lamb=20 --epochs=4000 "$@"
