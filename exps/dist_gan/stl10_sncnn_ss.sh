#!/bin/sh
# SS-Dist-GAN on STL-10 at 48x48, SN-CNN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_sncnn_ss $SNCNN_SS $STL10 --lambda_d=0.5 "$@"
