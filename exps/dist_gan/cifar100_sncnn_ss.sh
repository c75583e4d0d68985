#!/bin/sh
# SS-Dist-GAN on CIFAR-100, SN-CNN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar100_sncnn_ss $SNCNN_SS $CIFAR100 "$@"
