#!/bin/sh
# Semi-supervised MNIST with 20 labels, feature matching.
# Differs from the code: Adam's epsilon stands outside the root, averages start from the first weights (there:
# from 0), G's step comes before D's, and layers are initialised from one batch (there: from 500 images).
# Published (Salimans et al. 2016, mean of 10 label splits): test error 1677 +/- 452 of 10,000.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/mnist20 \
  $MNIST_TABLE --iterator_args labels_per_class=2 "$@"
