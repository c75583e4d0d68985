#!/bin/sh
# AMR, KMNIST, code of 32: ACAI, lamb 2. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=kmnist_downstream/acai $TABLE $ACAI --lamb=2 --epochs=6000 "$@"
