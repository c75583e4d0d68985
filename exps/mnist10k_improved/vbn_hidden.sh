#!/bin/sh
# Improved techniques (Salimans et al. 2016) on 10,000 digits: virtual batch normalisation with hidden mixup.
# Published: no row of a paper; docs/improved-techniques.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_improved/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_improved/vbn_hidden --mixup=hidden --network_args norm=vbn "$@"
