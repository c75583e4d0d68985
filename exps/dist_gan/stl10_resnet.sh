#!/bin/sh
# Dist-GAN on STL-10 at 48x48, ResNet.
# Differs from the code: the hinge is of logits, and the penalty has a plus sign (there: of probabilities,
# minus; --official_quirks sigmoid_hinge negative_penalty); samples are normalised by running statistics
# (there: by those of their batch).
# Published (readme of tntrung/gan, its older code): FID 28.50 +/- 0.49, 10k-5k, 300k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_resnet $RESNET $STL10 --lambda_p=1 "$@"
