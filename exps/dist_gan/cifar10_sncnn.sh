#!/bin/sh
# Dist-GAN on cifar10, SN-CNN, hinge.
# Published: FID 22.95 (hinge, 10k real, 5k generated, 300k iterations; readme of tntrung/gan, lambda_p 1).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/cifar10_sncnn --iterator=iterators/cifar10.py --lambda_p=1 "$@"
