#!/bin/sh
# CIFAR-10, 5,000 training images: DiffAugment (Zhao et al. 2020).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_diffaugment $CIFAR10_10PCT $DIFFAUGMENT "$@"
