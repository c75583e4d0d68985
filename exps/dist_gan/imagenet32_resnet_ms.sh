#!/bin/sh
# MS-Dist-GAN on ImageNet at 32x32, ResNet.
# Published (Tran et al. 2019, in a public listing): FID 12.3; protocol as for CIFAR-10, presumably.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/imagenet32_resnet_ms $RESNET_MS $IMAGENET32 "$@"
