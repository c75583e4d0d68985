#!/bin/sh
# The grid of 25 with WGAN-GP (Gulrajani et al. 2017), an averaged generator and a falling learning rate.
# Published: number not found for these networks; PacGAN's (Lin et al. 2018, Table 1) plain GAN has 17.3 modes.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $GRID --loss=wgan --penalty gp=0.1 --update_g_every=3 --beta1=0 --beta2=0.9 --ema=0.99 --lr_schedule=linear --name=points/grid_wgan_gp "$@"
