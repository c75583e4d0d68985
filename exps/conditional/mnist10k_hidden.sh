#!/bin/sh
# 10,000 digits of MNIST: a GAN without classes, with hidden mixup.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/mnist10k_hidden $MNIST10K $HIDDEN "$@"
