#!/bin/sh
# Salimans et al. 2016 on 10,000 digits: one-sided label smoothing, 0.9. Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_improved/smoothing $TABLE $SMOOTHING "$@"
