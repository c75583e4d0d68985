#!/bin/sh
# AMR, SVHN, code of 256: ACAI, lamb 2. Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn256_downstream/acai $TABLE $ACAI --lamb=2 --epochs=4500 "$@"
