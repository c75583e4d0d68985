#!/bin/sh
# AMR on SVHN, 1,000 training images, 32-dimensional code: mixup of 6 codes; lamb 10.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_1k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_1k/mixup6 --trainer=trainers/amr.py --mixer=mixup --k=6 --beta=0 \
  --lamb=10 --epochs=6000 "$@"
