#!/bin/sh
# Dist-GAN on cifar10, SN-CNN, log loss.
# Published: FID 28.23 (standard CNN, 10k real, 5k generated, 300k iterations; readme of tntrung/gan, lambda_p 1, moving weights).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/cifar10_sncnn_log --iterator=iterators/cifar10.py --loss=log --lambda_p=1 "$@"
