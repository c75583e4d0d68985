#!/bin/sh
# GAN mixup on CIFAR-10: pixel ("visible") mixup with spectral norm.
# Differs from the code: every fifth step of the run updates G (there: of each epoch), and spectral norm
# iterates once a step (there: once a forward).
# Published (README of the original): IS 8.00 +/- 0.08, FID 21.5; runs not stated; the README says 500
# epochs, its script trains 600.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/gan_mixup.sh
exec $LAUNCH task_launcher.py --name=visible_dnorm0_specnorm $GAN_MIXUP \
  $CIFAR10 --network=networks/model_resnet_specnorm.py --mixup=pixel \
  --alpha=0.2 --dnorm=0.0 --update_g_every=5 --epochs=600 --save_every=20 "$@"
