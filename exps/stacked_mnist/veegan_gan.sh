#!/bin/sh
# Stacked MNIST, VEEGAN setting: the plain GAN, DCGAN, 50 epochs.
# Published: 99.0 modes, KL 3.40 (DCGAN of Srivastava et al. 2017) and 78.9 +/- 6.46, 4.50 +/- 0.127 (PacGAN's own), PacGAN Table 2: 26,000 samples.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $VEEGAN $GAN $DATA_SET --name=stacked_mnist/veegan_gan --max_steps=100000 "$@"
