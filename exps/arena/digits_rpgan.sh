#!/bin/sh
# The 1,797 digits of scikit-learn: RpGAN + R1 + R2 (Huang et al. 2024).
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/digits_rpgan $DIGITS $RPGAN "$@"
