#!/bin/sh
# 1-D toy: the plain GAN. Published (tntrung/gan, distgan_toy1d): an animation, no numbers.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/line_gan $LINE_GAN "$@"
