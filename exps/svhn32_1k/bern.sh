#!/bin/sh
# AMR on SVHN, 1,000 training images, 32-dimensional code: Bernoulli mixup (fm2) of 2 codes; lamb 10.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 4000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_1k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_1k/bern --trainer=trainers/amr.py --mixer=fm2 --k=2 --beta=0 \
  --lamb=10 --epochs=4000 "$@"
