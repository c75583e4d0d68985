#!/bin/sh
# One-dimensional GAN, non-saturating objective, data of the 2020 homework (CS294-158), networks of its solution.
# Published: number not found (pictures only); docs/points.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $LINE $NETS20 --iterator_args data=2020 --loss=jsgan --name=points/line2020_jsgan "$@"
