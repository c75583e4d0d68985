#!/bin/sh
# Salimans et al. 2016 on CIFAR-10: no labels, historical averaging.
# Differs from the paper: the networks and the training, of which its own are not public (common.sh).
# Published (Salimans et al. 2016, Table 3, 50,000 samples): IS 6.86 +/- 0.06.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=improved_cifar10/no_labels_historical $UNLABELLED \
  --historical_averaging=1 "$@"
