#!/bin/sh
# Projection on CIFAR-10 by kwotsin/mimicry's cGAN-PD: 100,000 G steps of 64 images.
# Differs from mimicry: biases start at 0 (there: as the framework has it) and scales of class batch norms
# at 1 (there: N(1, 0.02^2)), and spectral norm iterates once a step (there: once a forward).
# Published (kwotsin/mimicry, 50k-50k): IS 8.25 +/- 0.13, FID 10.84 +/- 0.03, KID 0.0070 +/- 0.0001;
# 10k-5k: FID 17.84 +/- 0.17.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/cifar10_mimicry $CIFAR10 $MIMICRY "$@"
