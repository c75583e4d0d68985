#!/bin/sh
# Salimans et al. 2016 on 10,000 digits: all five techniques. Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_improved/all $TABLE $ALL "$@"
