#!/bin/sh
# ACAI on lines, as in its own paper and code. Published (Berthelot et al. 2018, Table 1: mean distance and
# smoothness): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=lines/acai $TABLE --trainer=trainers/acai.py --acai=paper "$@"
