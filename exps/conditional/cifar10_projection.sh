#!/bin/sh
# Projection on CIFAR-10 by the authors' code: 50,000 G steps of 128 images, D's of 64, Adam 2e-4 (0, 0.9),
# linearly to 0.
# Differs from the code: spectral norm iterates once a step (there: once a forward).
# Published (Miyato and Koyama 2018, as kwotsin/mimicry's readme quotes it, 10k-5k): FID 17.5.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/cifar10_projection $CIFAR10 $PFNET "$@"
