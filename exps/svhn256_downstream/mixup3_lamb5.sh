#!/bin/sh
# AMR on SVHN, 256-dimensional code: mixup of 3 codes; lamb 5.
# Published (Beckham et al. 2019, Table 3): number not found. Protocol there: accuracy of a linear probe trained beside the model, 4500 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn256_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn256_downstream/mixup3_lamb5 --trainer=trainers/amr.py --mixer=mixup --k=3 --beta=0 \
  --lamb=5 --epochs=4500 "$@"
