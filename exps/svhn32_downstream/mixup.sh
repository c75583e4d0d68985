#!/bin/sh
# AMR on SVHN, 32-dimensional code: mixup of 2 codes; lamb 10.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_downstream/mixup --trainer=trainers/amr.py --mixer=mixup --k=2 --beta=0 \
  --lamb=10 --epochs=6000 "$@"
