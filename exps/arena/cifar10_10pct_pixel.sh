#!/bin/sh
# CIFAR-10, 5,000 training images: pixel mixup (Verma et al. 2018).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_pixel $CIFAR10_10PCT $PIXEL "$@"
