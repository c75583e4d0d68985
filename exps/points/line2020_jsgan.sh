#!/bin/sh
# 1-D GAN, non-saturating, data and networks of 2020's homework. Published: number not found (pictures only).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/line2020_jsgan \
  $LINE $NETS20 --iterator_args data=2020 --loss=jsgan "$@"
