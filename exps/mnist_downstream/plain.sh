#!/bin/sh
# A plain autoencoder on MNIST, 32-dimensional code, no adversary; as many of its steps as the others make.
# Published: no row of the paper.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist_downstream/plain --trainer=trainers/autoencoder.py \
  --lamb=10 --epochs=2000 "$@"
