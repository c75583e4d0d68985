#!/bin/sh
# AMR, 5,000 SVHN images: mixup of 3 codes, lamb 20. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_5k_own/mixup3_lamb20 $TABLE $MIXUP3 --lamb=20 --epochs=6000 "$@"
