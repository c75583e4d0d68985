#!/bin/sh
# MS-Dist-GAN on STL-10 at 48x48, SN-CNN. Published (Tran et al. 2019): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan/stl10_sncnn_ms \
  $SNCNN_MS $STL10 --lambda_d=0.5 --lambda_g=0.05 "$@"
