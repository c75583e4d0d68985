#!/bin/sh
# AMR on KMNIST, 32-dimensional code: mixup of 3 codes; lamb 10.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/kmnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=kmnist_downstream/mixup3 --trainer=trainers/amr.py --mixer=mixup --k=3 --beta=0 \
  --lamb=10 --epochs=6000 "$@"
