#!/bin/sh
# SSGAN on CIFAR-10: SN-ResNet and rotations.
# Differs from mimicry: biases start at 0 (there: as the framework has it), and spectral norm iterates once a
# step (there: once a forward).
# Published (kwotsin/mimicry): FID 14.65 +/- 0.04, IS 8.17 +/- 0.06, KID 0.0101 +/- 0.0002, 50k-50k;
# FID 17.61 +/- 0.14, 10k-10k. Published (Chen et al. 2019, as mimicry quotes it, 10k-10k):
# FID 17.88 +/- 0.64.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar10_ssgan $CIFAR $CIFAR10 $SSGAN "$@"
