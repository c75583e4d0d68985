#!/bin/sh
# Dist-GAN on STL-10 at 48x48, ResNet, hinge.
# Published: FID 28.50 +/- 0.49, 10k real, 5k generated, 300k iterations (readme of tntrung/gan, the older code with lambda_p 1).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $RESNET --name=dist_gan/stl10_resnet --iterator=iterators/stl10.py --iterator_args split=unlabeled size=48 --lambda_p=1 "$@"
