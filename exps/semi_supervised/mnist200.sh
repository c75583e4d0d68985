#!/bin/sh
# Semi-supervised MNIST with 200 labels, feature matching.
# Published (Salimans et al. 2016): 90 +/- 4.2 errors of 10,000 (mean of 10 label splits; ensemble of 10: 81 +/- 4.3).
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist200 --iterator_args labels_per_class=20 "$@"
