#!/bin/sh
# AMR, CIFAR-10, code of 256: ACAI, lamb 10. Published (Beckham et al. 2019, Table 3): not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cifar10_256/acai_lamb10 $TABLE $ACAI --lamb=10 --epochs=3000 "$@"
