#!/bin/sh
# BiGAN on MNIST as the authors' code has it (Donahue et al. 2017; jeffdonahue/bigan, train_mnist.sh): U(-1, 1) latents, codes squashed into (-1, 1), 200 epochs
# at 2e-4 and 200 of exponential decay to a hundredth. Weight decay 2.5e-5 there is on the mean of both terms of a loss, here on their sum: 5e-5.
# Published (its README, one run, epoch 400; 50,000 training digits, 10,000 of validation): NNC_e 92.10%, NNC_e- 97.35%, CLS_e- 79.48%, EGr 5.95, EGr_b 9.60;
# epoch 200: 95.92%, 97.14%, 92.63%, 6.04, 9.91; untrained: 91.50%, 96.84%, 91.39%, 13.64, 13.64. Here --mode=encoder scores the 10,000 test digits.
set -eu; cd "$(dirname "$0")/../.."; . exps/bigan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=bigan/official --network_args variant=official squash=True --z_dist=uniform --iterator_args valid=10000 \
  --weight_decay=5e-5 --lr_schedule=half_exp --epochs=400 --save_every=25 --save_images_every=25 --recon_every=25 "$@"
