#!/bin/sh
# CIFAR-10, 5,000 training images: RpGAN + R1 + R2 (Huang et al. 2024).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_rpgan $CIFAR10_10PCT $RPGAN "$@"
