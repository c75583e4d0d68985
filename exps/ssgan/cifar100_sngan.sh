#!/bin/sh
# The GAN of SSGAN's networks without rotations, on CIFAR-100.
# Differs from mimicry: biases start at 0 (there: as the framework has it), and spectral norm iterates once a
# step (there: once a forward).
# Published (kwotsin/mimicry, 50k-50k): FID 22.61 +/- 0.06, IS 7.57 +/- 0.11, KID 0.0156 +/- 0.0003.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar100_sngan $CIFAR $CIFAR100 $SNGAN "$@"
