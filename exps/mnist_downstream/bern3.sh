#!/bin/sh
# AMR, MNIST, code of 32: Bernoulli mixup of 3 codes (fm), lamb 10.
# Published (Beckham et al. 2019, Table 1): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist_downstream/bern3 $TABLE $BERN3 --lamb=10 --epochs=2000 "$@"
