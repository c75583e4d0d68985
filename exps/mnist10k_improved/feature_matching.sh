#!/bin/sh
# Improved techniques (Salimans et al. 2016) on 10,000 digits: feature matching in place of the adversarial loss of G (section 3.1).
# Published: no row of a paper; docs/improved-techniques.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_improved/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_improved/feature_matching --g_loss=feature_matching "$@"
