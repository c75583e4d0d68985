#!/bin/sh
# Semi-supervised CIFAR-10 with 4,000 labels, feature matching.
# Differs from the code: Adam's epsilon stands outside the root, averages start from the first weights (there:
# from 0), G's step comes before D's, and layers are initialised from one batch (there: from 500 images).
# Published (Salimans et al. 2016, mean of 10 label splits): test error 18.63 +/- 2.32 %; ensemble of 10:
# test error 15.59 +/- 0.47 %.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/cifar10_4000 $CIFAR10_4000 $FEATURE_MATCHING "$@"
