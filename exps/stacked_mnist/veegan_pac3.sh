#!/bin/sh
# Stacked MNIST, VEEGAN setting: PacGAN's DCGAN whose D judges packs of 3 images, 64 packs a step.
# Differs from the code: G's steps come before D's, each with noise of its own (there: after it, on the
# same noise), and make a pack in one batch (there: in 3); an image is in one pack (there: in any number).
# Published (PacGAN, Lin et al. 2018, Table 2, PacDCGAN3; 26,000 samples): modes 1000.0, KL 0.06.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/veegan_pac3 $PACGAN_VEEGAN --packing=3 \
  --batch_size=192 --epochs=150 "$@"
