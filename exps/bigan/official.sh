#!/bin/sh
# BiGAN on MNIST as the authors' code has it (Donahue et al. 2017; jeffdonahue/bigan, train_mnist.sh):
# U(-1, 1) latents, codes squashed into (-1, 1), 200 epochs at 2e-4 and 200 of exponential decay to a
# hundredth.
# Differs from its code: a loss is the sum of its two terms (there: their mean), with twice the weight decay,
# and scores are of the test digits.
# Published (its README, one run, epoch 400; 50,000 training digits, on 10,000 of validation): NNC_e 92.10%,
# NNC_e- 97.35%, CLS_e- 79.48%, EGr 5.95, EGr_b 9.60. Other epochs: docs/bigan.md.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=bigan/official $TABLE \
  --network_args variant=official squash=True --z_dist=uniform --lr_schedule=half_exp \
  --epochs=400 --save_every=25 --save_images_every=25 --recon_every=25 "$@"
