#!/bin/sh
# MS-GAN on SSGAN's networks, on CIFAR-10: generated images are a fifth class, and G matches. Weights of the
# ResNet of MS-Dist-GAN.
# Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/cifar10_ms $CIFAR \
  $CIFAR10 $MS --g_task=match --lambda_d=0.5 --lambda_g=0.1 "$@"
