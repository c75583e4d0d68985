#!/bin/sh
# AMR on CIFAR-10, 1024-dimensional code: mixup of 3 codes; lamb 50.
# Published (Beckham et al. 2019, Table 3): number not found. Protocol there: accuracy of a linear probe trained beside the model, 8000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/cifar10_1024/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=cifar10_1024/mixup3 --trainer=trainers/amr.py --mixer=mixup --k=3 --beta=0 \
  --lamb=50 --epochs=8000 "$@"
