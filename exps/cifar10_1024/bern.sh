#!/bin/sh
# AMR, CIFAR-10, code of 1024: Bernoulli mixup (fm2), lamb 50.
# Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cifar10_1024/bern $TABLE $BERN --lamb=50 --epochs=8000 "$@"
