#!/bin/sh
# Stacked MNIST with R3GAN's network, narrow, and a plain objective: what R3GAN's is compared with.
# Published: no row of any table; docs/arena.md has results.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/stacked_plain $STACKED --loss=jsgan "$@"
