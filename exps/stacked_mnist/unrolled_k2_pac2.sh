#!/bin/sh
# Stacked MNIST, Unrolled setting, D half of G: PacGAN's DCGAN whose D judges packs of 2 images, 128 a
# step.
# Differs from the code: G's step comes before D's, with noise of its own (there: after it, on the same
# noise), and makes a pack in one batch (there: in 2).
# Published (PacGAN, Lin et al. 2018, Table 3, PacDCGAN2; 25,600 samples, 50 trials): modes 840.7, KL 1.00.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k2_pac2 $PACGAN_UNROLLED \
  --packing=2 --batch_size=256 --network_args disc_width=4 "$@"
