#!/bin/sh
# AMR on SVHN, 32-dimensional code: an adversary on reconstructions, no mixes; lamb 5.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 4500 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_downstream/baseline_lamb5 --trainer=trainers/amr.py --disable_mix --beta=0 \
  --lamb=5 --epochs=4500 "$@"
