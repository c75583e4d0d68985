#!/bin/sh
# 10,000 digits of MNIST: a D that judges images with their classes by projection.
# Published: no row of any table.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=conditional/mnist10k_projection $MNIST10K --conditional=projection "$@"
