#!/bin/sh
# AMR on KMNIST, 32-dimensional code: ACAI as in AMR's code; lamb 2.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 6000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/kmnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=kmnist_downstream/acai --trainer=trainers/acai.py --beta=0 \
  --lamb=2 --epochs=6000 "$@"
