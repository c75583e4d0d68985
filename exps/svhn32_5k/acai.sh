#!/bin/sh
# AMR, 5,000 SVHN images: ACAI, lamb 2. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_5k_own/acai $TABLE $ACAI --lamb=2 --epochs=6000 "$@"
