#!/bin/sh
# Improved techniques (Salimans et al. 2016) on 10,000 digits: all five techniques; G minimises its adversarial loss and feature matching.
# Published: no row of a paper; docs/improved-techniques.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_improved/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_improved/all --network_args norm=vbn minibatch_disc=50x5 --g_loss=mixed --fm_form=absolute --historical_averaging=1 --real_label=0.9 "$@"
