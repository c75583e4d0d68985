#!/bin/sh
# GAN mixup on CIFAR-10: spectral-norm baseline, non-saturating loss, no mixup.
# Published (README of the original, vikasverma1077/manifold_mixup, gan/): Inception score 7.94 +/- 0.08, FID 21.7, mean of 3 runs,
# 500 epochs; which Inception network and which real split: not stated.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=baseline_specnorm --batch_size=64 --epochs=500 --z_dim=62 --beta1=0.0 \
  --iterator=iterators/cifar10.py --network=networks/model_resnet_specnorm.py --save_every=20 --dnorm=0.0 \
  --update_g_every=5 --resume=auto "$@"
