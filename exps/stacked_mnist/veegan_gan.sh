#!/bin/sh
# Stacked MNIST, VEEGAN setting: PacGAN's DCGAN.
# Differs from the code: G's steps come before D's, and each has noise of its own (there: after it, on the
# same noise).
# Published (PacGAN, Lin et al. 2018, Table 2; 26,000 samples): modes 99.0, KL 3.40 (DCGAN of Srivastava
# et al. 2017); modes 78.9 +/- 6.46, KL 4.50 +/- 0.127 (PacGAN's own).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=stacked_mnist/veegan_gan $PACGAN_VEEGAN "$@"
