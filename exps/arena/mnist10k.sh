#!/bin/sh
# 10,000 digits of MNIST: plain, the row that exps/grid.sh crosses with other flags.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/mnist10k $MNIST10K "$@"
