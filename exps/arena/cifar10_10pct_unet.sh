#!/bin/sh
# CIFAR-10, 5,000 training images: U-Net GAN with CutMix (Schonfeld et al. 2020).
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/cifar10_10pct_unet $CIFAR10_10PCT $UNET "$@"
