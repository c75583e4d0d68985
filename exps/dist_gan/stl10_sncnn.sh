#!/bin/sh
# Dist-GAN on STL-10 at 48x48, SN-CNN.
# Published (readme of tntrung/gan, its older code): FID 36.19, 10k-5k, 100k iterations.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_sncnn $SNCNN $STL10 --lambda_p=1 --max_steps=100000 "$@"
