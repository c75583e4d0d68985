#!/bin/sh
# Improved techniques (Salimans et al. 2016) on any folder of images at 64x64 (the README's: Danbooru2019): all five techniques; G minimises its adversarial loss and feature matching.
# Published: no number of this setting was found (the README of the original shows samples of epochs 1 and 10).
set -eu; cd "$(dirname "$0")/../../.."; . exps/improved_techniques/folder/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=improved_folder/all --network_args norm=vbn minibatch_disc=100x5 --g_loss=mixed --fm_form=absolute --historical_averaging=1 --real_label=0.9 "$@"
