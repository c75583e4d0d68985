#!/bin/sh
# The 1,797 digits of scikit-learn: CutMix of real and generated images (Yun et al. 2019).
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/digits_cutmix $DIGITS $CUTMIX "$@"
