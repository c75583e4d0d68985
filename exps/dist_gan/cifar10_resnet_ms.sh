#!/bin/sh
# MS-Dist-GAN on CIFAR-10, ResNet.
# Differs from the code: the hinge is of logits, and the penalty has a plus sign (there: of probabilities,
# minus; --official_quirks sigmoid_hinge negative_penalty); samples are normalised by running statistics
# (there: by those of their batch).
# Published (Tran et al. 2019, abstract; 10k-10k as the port's readme says; the paper's table: not read):
# FID 11.40.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_resnet_ms $RESNET_MS $CIFAR10 "$@"
