#!/bin/sh
# AMR on MNIST, 32-dimensional code: mixup of 2 codes; lamb 20.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 2000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist_downstream/mixup_lamb20 --trainer=trainers/amr.py --mixer=mixup --k=2 --beta=0 \
  --lamb=20 --epochs=2000 "$@"
