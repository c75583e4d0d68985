#!/bin/sh
# 10,000 digits of MNIST: an auxiliary classifier in D.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/mnist10k_acgan $MNIST10K --conditional=acgan "$@"
