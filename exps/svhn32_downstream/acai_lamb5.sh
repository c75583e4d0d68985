#!/bin/sh
# AMR, SVHN, code of 32: ACAI, lamb 10 for 6,000 epochs, as the authors' acaif3_lamb5.sh has it in spite of
# its name. Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=svhn32_downstream/acai_lamb5 $TABLE $ACAI --lamb=10 --epochs=6000 "$@"
