#!/bin/sh
# AMR, 20,000 SVHN images: ACAI, lamb 5. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_20k_own/acai_lamb5 $TABLE $ACAI --lamb=5 --epochs=4000 "$@"
