#!/bin/sh
# Salimans et al. 2016 on 10,000 digits: minibatch discrimination with hidden mixup.
# Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_improved/minibatch_hidden $TABLE $MINIBATCH --mixup=hidden "$@"
