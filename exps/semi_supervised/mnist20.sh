#!/bin/sh
# Semi-supervised MNIST with 20 labels, feature matching.
# Published (Salimans et al. 2016): 1677 +/- 452 errors of 10,000 (mean of 10 label splits).
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist20 --iterator_args labels_per_class=2 "$@"
