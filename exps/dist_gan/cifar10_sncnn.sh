#!/bin/sh
# Dist-GAN on CIFAR-10, SN-CNN.
# Published (readme of tntrung/gan, its older code): FID 22.95, 10k-5k, 300k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_sncnn $SNCNN $CIFAR10 $OLDER "$@"
