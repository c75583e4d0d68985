#!/bin/sh
# SSGAN on CIFAR-100: SN-ResNet and rotations. Published (kwotsin/mimicry): FID 22.18, IS 7.56.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar100_ssgan $TABLE $CIFAR100 $SSGAN "$@"
