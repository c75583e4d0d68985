#!/bin/sh
# Stacked MNIST, Unrolled setting, D half of G: PacGAN's DCGAN, 500,000 steps of batch 128.
# Differs from the code: G's steps come before D's, and each has noise of its own (there: after it, on the
# same noise).
# Published (PacGAN, Lin et al. 2018, Table 3; 25,600 samples, 50 trials): modes 628.0 +/- 140.9,
# KL 2.58 +/- 0.75 (DCGAN of Metz et al. 2017, D half of G); modes 487.7 +/- 34.59, KL 2.24 +/- 0.15 (PacGAN's
# own).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k2_dcgan $PACGAN_UNROLLED \
  --network_args disc_width=4 "$@"
