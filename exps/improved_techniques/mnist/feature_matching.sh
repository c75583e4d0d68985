#!/bin/sh
# Salimans et al. 2016 on MNIST at 32x32: feature matching as G's loss. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=improved_mnist/feature_matching $TABLE $FEATURE_MATCHING "$@"
