#!/bin/sh
# Stacked MNIST, Unrolled setting, D a quarter of G: PacGAN's DCGAN, 500,000 steps of batch 128.
# Differs from the code: G's steps come before D's, and each has noise of its own (there: after it, on the
# same noise).
# Published (PacGAN, Lin et al. 2018, Table 3; 25,600 samples, 50 trials): modes 30.6 +/- 20.73,
# KL 5.99 +/- 0.42 (DCGAN of Metz et al. 2017, D a quarter of G); modes 78.5 +/- 17.56, KL 5.21 +/- 0.19
# (PacGAN's own).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/unrolled_k4_dcgan $PACGAN_UNROLLED "$@"
