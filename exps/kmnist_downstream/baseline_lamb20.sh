#!/bin/sh
# AMR on KMNIST, 32-dimensional code: an adversary on reconstructions, no mixes; lamb 20.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 2000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/kmnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=kmnist_downstream/baseline_lamb20 --trainer=trainers/amr.py --disable_mix --beta=0 \
  --lamb=20 --epochs=2000 "$@"
