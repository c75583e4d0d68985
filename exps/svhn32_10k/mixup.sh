#!/bin/sh
# AMR on SVHN, 10,000 training images, 32-dimensional code: mixup of 2 codes; lamb 10.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_10k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_10k/mixup --trainer=trainers/amr.py --mixer=mixup --k=2 --beta=0 \
  --lamb=10 --epochs=6000 "$@"
