#!/bin/sh
# GAN mixup on CIFAR-10: hidden mixup at a small convolution before the residual blocks, gradient penalty 0.5,
# no spectral norm. Each example is mixed with its own partner (the original: the feature maps of one pair for
# the whole batch).
# Published (README of the original): no number; it names the experiment only.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/gan_mixup.sh
exec $LAUNCH task_launcher.py --name=hidden_dnorm0.5_pp $GAN_MIXUP $CIFAR10 \
  --network=networks/model_resnet_preproc.py --mixup=vh1 --alpha=0.2 \
  --dnorm=0.5 --update_g_every=1 --epochs=500 --save_every=10 "$@"
