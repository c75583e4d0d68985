#!/bin/sh
# Dist-GAN on cifar10, DCGAN, log loss.
# Published: FID 28.23 (CNN with the log loss, 10k real, 5k generated; readme of tntrung/gan; which CNN: not stated; lambda_p 1, moving weights).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/cifar10_dcgan --iterator=iterators/cifar10.py --lambda_p=1 --weights=moving "$@"
