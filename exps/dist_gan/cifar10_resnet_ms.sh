#!/bin/sh
# MS-Dist-GAN on CIFAR-10, ResNet.
# Published (Tran et al. 2019, abstract; 10k-10k as the port's readme says; the paper's table: not read):
# FID 11.40.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_resnet_ms $RESNET_MS $CIFAR10 "$@"
