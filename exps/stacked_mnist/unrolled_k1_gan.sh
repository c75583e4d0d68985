#!/bin/sh
# Stacked MNIST, Unrolled setting, K = 1: the plain GAN of the same networks.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/stacked_mnist/common.sh
exec $LAUNCH task_launcher.py $UNROLLED $GAN $DATA_SET --name=stacked_mnist/unrolled_k1_gan --network_args k=1 --max_steps=200000 "$@"
