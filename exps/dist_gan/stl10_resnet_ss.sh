#!/bin/sh
# SS-Dist-GAN on STL-10 at 48x48, ResNet. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_resnet_ss $RESNET_SS $STL10 --lambda_d=1 "$@"
