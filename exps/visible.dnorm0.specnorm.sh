#!/bin/sh
# GAN mixup on CIFAR-10: pixel ("visible") mixup with spectral norm.
# Published (README of the original, vikasverma1077/manifold_mixup, gan/): Inception score 8.00 +/- 0.08, FID 21.5; runs not restated;
# the original's script trains 600 epochs, its README speaks of 500. Inception network and real split: not stated.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=visible_dnorm0_specnorm --batch_size=64 --epochs=600 --z_dim=62 --beta1=0.0 \
  --iterator=iterators/cifar10.py --network=networks/model_resnet_specnorm.py --save_every=20 --dnorm=0.0 \
  --mixup=pixel --alpha=0.2 --update_g_every=5 --resume=auto "$@"
