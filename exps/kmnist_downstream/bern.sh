#!/bin/sh
# AMR, KMNIST, code of 32: Bernoulli mixup (fm2), lamb 10.
# Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=kmnist_downstream/bern $TABLE $BERN --lamb=10 --epochs=6000 "$@"
