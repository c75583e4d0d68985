#!/bin/sh
# GAN mixup on CIFAR-10: hidden mixup at a small convolution before the residual blocks, gradient penalty 0.5, no spectral norm.
# Published: no number (README of the original, vikasverma1077/manifold_mixup, gan/, names the experiment only). The original mixed the
# feature maps of one example pair for the whole batch; here each example is mixed with its own partner. --dnorm_step=separate gives
# the penalty its own optimiser step, as there.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=hidden_dnorm0.5_pp --batch_size=64 --epochs=500 --z_dim=62 --beta1=0.0 \
  --iterator=iterators/cifar10.py --network=networks/model_resnet_preproc.py --save_every=10 --dnorm=0.5 \
  --mixup=vh1 --alpha=0.2 --update_g_every=1 --resume=auto "$@"
