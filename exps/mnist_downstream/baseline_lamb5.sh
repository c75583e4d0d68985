#!/bin/sh
# AMR, MNIST, code of 32: no mixes, lamb 5. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist_downstream/baseline_lamb5 \
  $TABLE $BASELINE --lamb=5 --epochs=2000 "$@"
