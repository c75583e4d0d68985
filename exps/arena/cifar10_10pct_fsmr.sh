#!/bin/sh
# CIFAR-10, 5,000 training images: FSMR (Kim et al. 2022).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_fsmr $CIFAR10_10PCT $FSMR "$@"
