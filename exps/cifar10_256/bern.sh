#!/bin/sh
# AMR, CIFAR-10, code of 256: Bernoulli mixup (fm2), lamb 50.
# Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cifar10_256/bern $TABLE $BERN --lamb=50 --epochs=3000 "$@"
