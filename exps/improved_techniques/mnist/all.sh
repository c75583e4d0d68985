#!/bin/sh
# Salimans et al. 2016 on MNIST at 32x32: all five techniques. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=improved_mnist/all $TABLE $ALL "$@"
