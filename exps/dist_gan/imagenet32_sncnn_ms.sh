#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, SN-CNN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/imagenet32_sncnn_ms $SNCNN_MS $IMAGENET32 "$@"
