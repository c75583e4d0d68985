#!/bin/sh
# AMR, 10,000 SVHN images: mixup of 6 codes, lamb 10. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_10k_own/mixup6 $TABLE $MIXUP6 --lamb=10 --epochs=8000 "$@"
