#!/bin/sh
# Semi-supervised MNIST with 20 labels, feature matching.
# Published (Salimans et al. 2016, mean of 10 label splits): test error 1677 +/- 452 of 10,000.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/mnist20 \
  $MNIST_TABLE --iterator_args labels_per_class=2 "$@"
