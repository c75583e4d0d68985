#!/bin/sh
# AMR, 1,000 SVHN images: no mixes, lamb 20. Published (Beckham et al. 2019, Table 2): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_1k_own/baseline_lamb20 $TABLE $BASELINE \
  --lamb=20 --epochs=4000 "$@"
