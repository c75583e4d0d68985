#!/bin/sh
# 2-D toy, SINE: the plain GAN of the same networks. Published (Tran et al. 2018): number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dist_gan_toys/sine_gan $PLANE_GAN --iterator_args layout=sine "$@"
