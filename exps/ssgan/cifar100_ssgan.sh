#!/bin/sh
# SSGAN on CIFAR-100: SN-ResNet and rotations.
# Published: FID 22.18, IS 7.56 (kwotsin/mimicry).
set -eu; cd "$(dirname "$0")/../.."; . exps/ssgan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=ssgan/cifar100_ssgan --iterator=iterators/cifar100.py --rotations=stratified "$@"
