#!/bin/sh
# Salimans et al. 2016 on 10,000 digits: two-sided label smoothing, 0.9 and 0.1, for comparison.
# Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_improved/smoothing_two_sided \
  $TABLE $SMOOTHING --fake_label=0.1 "$@"
