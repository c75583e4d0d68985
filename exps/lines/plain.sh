#!/bin/sh
# A plain autoencoder on lines, ACAI's baseline. Published (Berthelot et al. 2018, Table 1: mean distance and
# smoothness): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=lines/plain $TABLE --trainer=trainers/autoencoder.py "$@"
