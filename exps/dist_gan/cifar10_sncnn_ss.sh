#!/bin/sh
# SS-Dist-GAN on CIFAR-10, SN-CNN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_sncnn_ss $SNCNN_SS $CIFAR10 "$@"
