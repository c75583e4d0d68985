#!/bin/sh
# CIFAR-10, 5,000 training images: CutMix of real and generated images (Yun et al. 2019).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_cutmix $CIFAR10_10PCT $CUTMIX "$@"
