#!/bin/sh
# AMR on SVHN, 20,000 training images, 32-dimensional code: mixup of 4 codes; lamb 10.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 4000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_20k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_20k/mixup4 --trainer=trainers/amr.py --mixer=mixup --k=4 --beta=0 \
  --lamb=10 --epochs=4000 "$@"
