#!/bin/sh
# The ring of 8 with PacGAN's plain GAN: its networks and settings.
# Published: PacGAN (Lin et al. 2018), Table 1, GAN, mean of trials, 2,500 samples, 3 sigma: 6.3 modes, 98.2% high quality, reverse KL 0.45.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $PACGAN --iterator_args layout=ring --name=points/ring_pacgan "$@"
