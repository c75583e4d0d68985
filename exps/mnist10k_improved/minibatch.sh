#!/bin/sh
# Improved techniques (Salimans et al. 2016) on 10,000 digits: minibatch discrimination, 50 kernels of 5 dimensions (section 3.2).
# Published: no row of a paper; docs/improved-techniques.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_improved/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_improved/minibatch --network_args minibatch_disc=50x5 "$@"
