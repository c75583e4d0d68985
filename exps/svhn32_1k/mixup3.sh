#!/bin/sh
# AMR, 1,000 SVHN images: mixup of 3 codes, lamb 10. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_1k_own/mixup3 $TABLE $MIXUP3 --lamb=10 --epochs=6000 "$@"
