#!/bin/sh
# GAN mixup on CIFAR-10: baseline with gradient penalty 10 on real images, no spectral norm, no mixup.
# Published: no number. --dnorm_step=separate gives the penalty its own optimiser step, as in the original
# (vikasverma1077/manifold_mixup, gan/).
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=cifar10_baseline_dnorm10 --batch_size=64 --epochs=500 --z_dim=62 --beta1=0.0 \
  --iterator=iterators/cifar10.py --network=networks/model_resnet_old.py --save_every=10 --dnorm=10.0 \
  --update_g_every=1 --resume=auto "$@"
