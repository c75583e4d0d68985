#!/bin/sh
# GAN mixup on CIFAR-10: baseline with gradient penalty 10 on real images, no spectral norm, no mixup.
# Published (README of the original): no number.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/gan_mixup.sh
exec $LAUNCH task_launcher.py --name=cifar10_baseline_dnorm10 $GAN_MIXUP $CIFAR10 \
  --network=networks/model_resnet_old.py --dnorm=10.0 --update_g_every=1 --epochs=500 --save_every=10 "$@"
