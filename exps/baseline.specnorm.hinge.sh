#!/bin/sh
# GAN mixup on CIFAR-10: spectral-norm baseline, hinge loss, no mixup.
# Differs from the code: every fifth step of the run updates G (there: of each epoch), and spectral norm
# iterates once a step (there: once a forward).
# Published (README of the original): IS 7.97 +/- 0.10, FID 22.2; mean of 3 runs, 500 epochs.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/gan_mixup.sh
exec $LAUNCH task_launcher.py --name=baseline_specnorm_hinge $GAN_MIXUP \
  $CIFAR10 --network=networks/model_resnet_specnorm_nosigm.py --loss=hinge \
  --dnorm=0.0 --update_g_every=5 --epochs=500 --save_every=10 "$@"
