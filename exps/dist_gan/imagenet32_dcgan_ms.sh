#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, DCGAN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/imagenet32_dcgan_ms $DCGAN_MS $IMAGENET32 "$@"
