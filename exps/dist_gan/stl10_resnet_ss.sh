#!/bin/sh
# SS-Dist-GAN on STL-10 at 48x48, ResNet, hinge.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/stl10_resnet_ss --iterator=iterators/stl10.py --iterator_args split=unlabeled size=48 --network_args classes=4 --self_supervised=ss --lambda_d=1 "$@"
