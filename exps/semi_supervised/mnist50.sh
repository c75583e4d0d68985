#!/bin/sh
# Semi-supervised MNIST with 50 labels, feature matching.
# Published (Salimans et al. 2016): number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist50 --iterator_args labels_per_class=5 "$@"
