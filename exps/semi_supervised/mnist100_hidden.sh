#!/bin/sh
# Semi-supervised MNIST with 100 labels, with hidden mixup. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/mnist100_hidden \
  $MNIST_TABLE --iterator_args labels_per_class=10 --mixup=hidden "$@"
