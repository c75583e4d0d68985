#!/bin/sh
# AMR on MNIST, 32-dimensional code: ACAI as in AMR's code; lamb 10.
# Published (Beckham et al. 2019, Table 1): number not found. Protocol there: accuracy of a linear probe trained beside the model, 2000 epochs.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist_downstream/acai_lamb10 --trainer=trainers/acai.py --beta=0 \
  --lamb=10 --epochs=2000 "$@"
