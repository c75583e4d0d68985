#!/bin/sh
# Stacked MNIST, Unrolled setting, D a quarter of G: PacGAN's DCGAN whose D judges packs of 4 images, 128 a
# step.
# Differs from the code: G's step comes before D's, with noise of its own (there: after it, on the same
# noise), and makes a pack in one batch (there: in 4).
# Published (PacGAN, Lin et al. 2018, Table 3, PacDCGAN4; 25,600 samples, 50 trials): modes 667.4, KL 1.81.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k4_pac4 $PACGAN_UNROLLED \
  --packing=4 --batch_size=512 "$@"
