#!/bin/sh
# AMR, CIFAR-10, code of 1024: ACAI, lamb 20. Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cifar10_1024/acai_lamb20 $TABLE $ACAI --lamb=20 --epochs=8000 "$@"
