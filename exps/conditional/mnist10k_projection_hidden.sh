#!/bin/sh
# 10,000 digits of MNIST: projection, with hidden mixup of images and classes.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/mnist10k_projection_hidden $MNIST10K \
  --conditional=projection $HIDDEN "$@"
