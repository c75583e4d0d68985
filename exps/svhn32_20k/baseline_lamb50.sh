#!/bin/sh
# AMR, 20,000 SVHN images: no mixes, lamb 50. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_20k_own/baseline_lamb50 $TABLE $BASELINE \
  --lamb=50 --epochs=4000 "$@"
