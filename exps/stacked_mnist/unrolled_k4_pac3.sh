#!/bin/sh
# Stacked MNIST, Unrolled setting, D a quarter of G: PacGAN's DCGAN whose D judges packs of 3 images, 128 a
# step.
# Differs from the code: G's step comes before D's, with noise of its own (there: after it, on the same
# noise), and makes a pack in one batch (there: in 3).
# Published (PacGAN, Lin et al. 2018, Table 3, PacDCGAN3; 25,600 samples, 50 trials): modes 601.3, KL 2.00.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k4_pac3 $PACGAN_UNROLLED \
  --packing=3 --batch_size=384 "$@"
