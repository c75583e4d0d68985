#!/bin/sh
# CIFAR-10, 5,000 training images: AdaptiveMix (Liu et al. 2023).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_adaptivemix $CIFAR10_10PCT $ADAPTIVEMIX "$@"
