#!/bin/sh
# Semi-supervised MNIST with 100 labels, feature matching.
# Published (Salimans et al. 2016): 93 +/- 6.5 errors of 10,000 (mean of 10 label splits; ensemble of 10: 86 +/- 5.6).
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist100 --iterator_args labels_per_class=10 "$@"
