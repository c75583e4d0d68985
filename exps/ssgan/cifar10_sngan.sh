#!/bin/sh
# The GAN of SSGAN's networks without rotations, on CIFAR-10.
# Published (kwotsin/mimicry): FID 16.77 +/- 0.04, IS 7.97 +/- 0.06, KID 0.0125, 50k-50k.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar10_sngan $TABLE $CIFAR10 $SNGAN "$@"
