#!/bin/sh
# AMR on CIFAR-10, 256-dimensional code: ACAI as in AMR's code; lamb 10.
# Published (Beckham et al. 2019, Table 3): number not found. Protocol there: accuracy of a linear probe trained beside the model, 3000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/cifar10_256/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=cifar10_256/acai_lamb10 --trainer=trainers/acai.py --beta=0 \
  --lamb=10 --epochs=3000 "$@"
