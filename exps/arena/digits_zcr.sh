#!/bin/sh
# The 1,797 digits of scikit-learn: latent consistency regularisation (Zhao et al. 2021).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/digits_zcr $DIGITS $ZCR "$@"
