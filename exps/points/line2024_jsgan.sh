#!/bin/sh
# 1-D GAN, non-saturating, data and networks of 2024's homework. Published: number not found (pictures only).
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/line2024_jsgan \
  $LINE $NETS24 --iterator_args data=2024 --loss=jsgan "$@"
