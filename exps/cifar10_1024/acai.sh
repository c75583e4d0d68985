#!/bin/sh
# AMR on CIFAR-10, 1024-dimensional code: ACAI as in AMR's code; lamb 50.
# Published (Beckham et al. 2019, Table 3): number not found. Protocol there: accuracy of a linear probe trained beside the model, 2500 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/cifar10_1024/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=cifar10_1024/acai --trainer=trainers/acai.py --beta=0 \
  --lamb=50 --epochs=2500 "$@"
