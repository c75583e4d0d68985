#!/bin/sh
# Semi-supervised MNIST with 100 labels, on the labelled images alone.
# Published: no number of this row was found.
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist100_supervised --iterator_args labels_per_class=10 --supervised "$@"
