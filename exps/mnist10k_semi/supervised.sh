#!/bin/sh
# Semi-supervised learning on 10,000 digits, 100 labels: the same network on the 100 labelled images alone.
# Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_semi/supervised $TABLE --supervised "$@"
