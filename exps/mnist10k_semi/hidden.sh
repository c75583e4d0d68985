#!/bin/sh
# Semi-supervised learning on 10,000 digits, 100 labels: feature matching with hidden mixup.
# Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_semi/hidden $TABLE --mixup=hidden "$@"
