#!/bin/sh
# The 1,797 digits of scikit-learn: SmoothMix of real and generated images (Lee et al. 2020).
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/digits_smoothmix $DIGITS $SMOOTHMIX "$@"
