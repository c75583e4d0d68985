#!/bin/sh
# The grid of 25 with PacGAN's plain GAN: its networks and settings.
# Published: PacGAN (Lin et al. 2018), Table 1, GAN, mean of trials, 2,500 samples, 3 sigma: 17.3 modes, 94.8% high quality, reverse KL 0.70.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $PACGAN --iterator_args layout=grid --name=points/grid_pacgan "$@"
