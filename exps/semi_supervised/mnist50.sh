#!/bin/sh
# Semi-supervised MNIST with 50 labels, feature matching. Published (Salimans et al. 2016): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/mnist50 \
  $MNIST_TABLE --iterator_args labels_per_class=5 "$@"
