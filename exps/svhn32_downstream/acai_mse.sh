#!/bin/sh
# AMR, SVHN, code of 32: ACAI, squared error, lamb 2. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_downstream/acai_mse $TABLE $ACAI_MSE --lamb=2 --epochs=6000 "$@"
