#!/bin/sh
# 10,000 digits of MNIST: an auxiliary classifier in D, with hidden mixup of images and classes.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/mnist10k_acgan_hidden $MNIST10K \
  --conditional=acgan $HIDDEN "$@"
