#!/bin/sh
# Salimans et al. 2016 on a folder of images at 64x64: feature matching as G's loss.
# Published: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=improved_folder/feature_matching $TABLE $FEATURE_MATCHING "$@"
