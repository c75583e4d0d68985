#!/bin/sh
# CIFAR-10, 5,000 training images: latent consistency regularisation (Zhao et al. 2021).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_zcr $CIFAR10_10PCT $ZCR "$@"
