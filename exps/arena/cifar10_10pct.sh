#!/bin/sh
# CIFAR-10, 5,000 training images: plain, the row that the others are compared with.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct $CIFAR10_10PCT "$@"
