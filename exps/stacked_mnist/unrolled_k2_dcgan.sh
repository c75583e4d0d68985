#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 2: DCGAN with the protocol's own settings, 500,000 iterations of batch 128, Adam (0.5, 0.99), D 2e-4, G 1e-4; z ~ U(-1, 1), its distribution there: not found.
# Published: 628.0 +/- 140.9 modes, KL 2.58 +/- 0.75 (DCGAN of Metz et al. 2017, D half of G) and 487.7 +/- 34.59, 2.24 +/- 0.15 (PacGAN's own), PacGAN Table 3: 25,600 samples, 50 trials.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $UNROLLED $GAN $DATA_SET --name=stacked_mnist/unrolled_k2_dcgan --network_args k=2 --max_steps=500000 --batch_size=128 --lr=1e-4 --disc_lr=2e-4 --beta2=0.99 "$@"
