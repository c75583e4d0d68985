#!/bin/sh
# CIFAR-10, 5,000 training images: APA (Jiang et al. 2021).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_apa $CIFAR10_10PCT $APA "$@"
