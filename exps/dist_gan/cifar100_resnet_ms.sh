#!/bin/sh
# MS-Dist-GAN on CIFAR-100, ResNet.
# Differs from the code: the hinge is of logits, and the penalty has a plus sign (there: of probabilities,
# minus; --official_quirks sigmoid_hinge negative_penalty); samples are normalised by running statistics
# (there: by those of their batch).
# Published (Tran et al. 2019, in a public listing): FID 19.74; protocol as for CIFAR-10, presumably.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar100_resnet_ms $RESNET_MS $CIFAR100 "$@"
