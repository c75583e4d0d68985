#!/bin/sh
# Dist-GAN on CIFAR-10, ResNet.
# Differs from the code: the hinge is of logits, and the penalty has a plus sign (there: of probabilities,
# minus; --official_quirks sigmoid_hinge negative_penalty); samples are normalised by running statistics
# (there: by those of their batch).
# Published (readme of tntrung/gan, its older code): FID 17.61 +/- 0.30, 10k-5k, 300k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/cifar10_resnet $RESNET $CIFAR10 --lambda_p=1 "$@"
