#!/bin/sh
# The 1,797 digits of scikit-learn: hidden mixup (Verma et al. 2018).
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/digits_hidden $DIGITS $HIDDEN "$@"
