#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 2: the plain GAN of the same networks.
# Published: 628.0 +/- 140.9 modes, KL 2.58 +/- 0.75 (DCGAN of Metz et al. 2017, D half of G) and 487.7 +/- 34.59, 2.24 +/- 0.15 (PacGAN's own), PacGAN Table 3: 25,600 samples, 50 trials.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $UNROLLED $GAN $DATA_SET --name=stacked_mnist/unrolled_k2_gan --network_args k=2 --max_steps=200000 "$@"
