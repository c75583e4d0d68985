#!/bin/sh
# The grid of 25 with hidden mixup (Verma et al. 2018) and R1, an averaged generator and a falling learning rate.
# Published: number not found for these networks; PacGAN's (Lin et al. 2018, Table 1) plain GAN has 17.3 modes.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $GRID --mixup=hidden --penalty r1=0.1 --ema=0.99 --lr_schedule=linear --name=points/grid_mixup "$@"
