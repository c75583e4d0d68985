#!/bin/sh
# AMR, SVHN, code of 32: no mixes, lamb 20. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_downstream/baseline_lamb20 \
  $TABLE $BASELINE --lamb=20 --epochs=3500 "$@"
