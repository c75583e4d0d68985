#!/bin/sh
# Salimans et al. 2016 on 10,000 digits: minibatch discrimination as in the code for ImageNet: joint batches,
# similarity to either half.
# Published: no row of a paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist10k_improved/minibatch_imagenet \
  $TABLE $MINIBATCH --network_args minibatch_form=imagenet "$@"
