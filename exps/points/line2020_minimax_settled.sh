#!/bin/sh
# The same as line2020_minimax with R1, an averaged generator and a falling learning rate, 6 epochs.
# Published: no such row; docs/points.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $LINE $SETTLED --iterator_args data=2020 --loss=minimax --name=points/line2020_minimax_settled "$@"
