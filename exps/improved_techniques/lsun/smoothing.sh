#!/bin/sh
# Salimans et al. 2016 on LSUN bedrooms at 64x64: one-sided label smoothing, 0.9. Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=improved_lsun/smoothing $TABLE $SMOOTHING "$@"
