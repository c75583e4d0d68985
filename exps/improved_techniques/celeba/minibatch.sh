#!/bin/sh
# Improved techniques (Salimans et al. 2016) on CelebA, the middle 108x108 pixels at 64x64: minibatch discrimination, 100 kernels of 5 dimensions (section 3.2).
# Published: no number of this setting was found (the README of the original shows samples of epochs 1 and 10).
set -eu; cd "$(dirname "$0")/../../.."; . exps/improved_techniques/celeba/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=improved_celeba/minibatch --network_args minibatch_disc=100x5 "$@"
