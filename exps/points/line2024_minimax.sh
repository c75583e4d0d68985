#!/bin/sh
# One-dimensional GAN, saturating objective, data of the 2024 homework (CS294-158), the networks named there.
# Published: number not found (pictures only); docs/points.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $LINE $NETS24 --iterator_args data=2024 --loss=minimax --name=points/line2024_minimax "$@"
