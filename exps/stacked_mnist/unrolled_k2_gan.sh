#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 2: the plain GAN of the same networks.
# Published: number not found; those of this protocol are of other settings, unrolled_k2_dcgan.sh.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $UNROLLED $GAN $DATA_SET --name=stacked_mnist/unrolled_k2_gan --network_args k=2 --max_steps=200000 "$@"
