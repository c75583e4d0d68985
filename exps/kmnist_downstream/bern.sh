#!/bin/sh
# AMR on KMNIST, 32-dimensional code: Bernoulli mixup (fm2) of 2 codes; lamb 10.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/kmnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=kmnist_downstream/bern --trainer=trainers/amr.py --mixer=fm2 --k=2 --beta=0 \
  --lamb=10 --epochs=6000 "$@"
