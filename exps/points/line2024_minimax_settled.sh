#!/bin/sh
# line2024_minimax.sh with R1, an averaged G and a falling learning rate, 6 epochs. Published: no such row.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/line2024_minimax_settled \
  $LINE $SETTLED --iterator_args data=2024 --loss=minimax "$@"
