#!/bin/sh
# Dist-GAN on cifar10, ResNet, hinge.
# Published: FID 17.61 +/- 0.30, 10k real, 5k generated, 300k iterations (readme of tntrung/gan, the older code with lambda_p 1).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/cifar10_resnet --iterator=iterators/cifar10.py --lambda_p=1 "$@"
