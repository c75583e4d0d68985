#!/bin/sh
# Dist-GAN on STL-10 at 48x48, ResNet.
# Published (readme of tntrung/gan, its older code): FID 28.50 +/- 0.49, 10k-5k, 300k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_resnet $RESNET $STL10 --lambda_p=1 "$@"
