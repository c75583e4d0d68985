#!/bin/sh
# Dist-GAN on CIFAR-10, SN-CNN, log loss.
# Differs from the code: samples are normalised by running statistics (there: by those of their batch).
# Published (readme of tntrung/gan, its older code): FID 28.23, standard CNN, 10k-5k, 300k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_sncnn_log $SNCNN $CIFAR10 --loss=log $OLDER "$@"
