#!/bin/sh
# Dist-GAN on STL-10 at 48x48, SN-CNN, to a third of its 300,000 iterations, whose schedule it has.
# Differs from the code: the hinge is of logits, and the penalty has a plus sign (there: of probabilities,
# minus; --official_quirks sigmoid_hinge negative_penalty); samples are normalised by running statistics
# (there: by those of their batch).
# Published (readme of tntrung/gan, its older code): FID 36.19, 10k-5k, 100k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_sncnn $SNCNN $STL10 $OLDER \
  --max_steps=100000 --mu_steps=300000 "$@"
