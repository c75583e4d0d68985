#!/bin/sh
# CIFAR-10, 5,000 training images: SmoothMix of real and generated images (Lee et al. 2020).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_smoothmix $CIFAR10_10PCT $SMOOTHMIX "$@"
