#!/bin/sh
# Semi-supervised CIFAR-10 with 4,000 labels, feature matching and hidden mixup. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/cifar10_4000_hidden \
  $CIFAR10_4000 $FEATURE_MATCHING --mixup=hidden "$@"
