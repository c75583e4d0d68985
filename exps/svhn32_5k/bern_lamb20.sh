#!/bin/sh
# AMR on SVHN, 5,000 training images, 32-dimensional code: Bernoulli mixup (fm2) of 2 codes; lamb 20.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_5k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_5k/bern_lamb20 --trainer=trainers/amr.py --mixer=fm2 --k=2 --beta=0 \
  --lamb=20 --epochs=6000 "$@"
