#!/bin/sh
# WGAN-GP on CIFAR-10, the networks of the code of "Various GAN architectures in PyTorch", 128 epochs of 196
# critic steps. Differs from that code: G is updated in every fifth step of the run (there: of each epoch,
# 5,120 in all; here 5,018), the learning rate falls each step (there: once an epoch), images are shuffled
# (there: not), and another classifier of 10 classes scores the samples.
# Published (its README): score-classifier 7.28.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=wgan_gp/seed $TABLE \
  --network_args variant=seed --batch_size=256 --epochs=128 "$@"
