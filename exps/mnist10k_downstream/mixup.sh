#!/bin/sh
# AMR, mixup of 2 codes, on 10,000 digits. Published: no row of the paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_downstream/mixup $TABLE $MIXUP "$@"
