#!/bin/sh
# Semi-supervised SVHN with 1,000 labels, feature matching, D 64 wide in place of 96.
# Differs from the code: Adam's epsilon stands outside the root, averages start from the first weights (there:
# from 0), G's step comes before D's, and layers are initialised from one batch (there: from 500 images).
# Published (Salimans et al. 2016, mean of 10 label splits): test error 8.11 +/- 1.3 %; ensemble of 10:
# test error 5.88 +/- 1.0 %.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/svhn_1000 $COLOUR $FEATURE_MATCHING \
  --iterator_args base=iterators/svhn.py labels_per_class=100 --epochs=900 --network_args width=64 "$@"
