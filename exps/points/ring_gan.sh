#!/bin/sh
# The ring of 8 with the plain GAN, non-saturating.
# Published: number not found for these networks; PacGAN's (Lin et al. 2018, Table 1) plain GAN has 6.3 modes.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $RING --name=points/ring_gan "$@"
