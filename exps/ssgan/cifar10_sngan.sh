#!/bin/sh
# The GAN of SSGAN's networks without rotations, on CIFAR-10.
# Differs from mimicry: biases start at 0 (there: as the framework has it), and spectral norm iterates once a
# step (there: once a forward).
# Published (kwotsin/mimicry, 50k-50k): FID 16.77 +/- 0.04, IS 7.97 +/- 0.06, KID 0.0125 +/- 0.0001.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar10_sngan $CIFAR $CIFAR10 $SNGAN "$@"
