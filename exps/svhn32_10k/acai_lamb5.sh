#!/bin/sh
# AMR on SVHN, 10,000 training images, 32-dimensional code: ACAI as in AMR's code; lamb 5.
# Published (Beckham et al. 2019, Table 2): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/svhn32_10k/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=svhn32_10k/acai_lamb5 --trainer=trainers/acai.py --beta=0 \
  --lamb=5 --epochs=6000 "$@"
