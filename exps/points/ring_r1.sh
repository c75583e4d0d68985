#!/bin/sh
# The ring of 8 with R1 and R2 (Mescheder et al. 2018), an averaged generator and a falling learning rate.
# Published: number not found for these networks; PacGAN's (Lin et al. 2018, Table 1) plain GAN has 6.3 modes.
set -eu; cd "$(dirname "$0")/../.."; . exps/points/common.sh
exec $LAUNCH task_launcher.py $RING --penalty r1=0.03 r2=0.03 --beta1=0 --beta2=0.99 --lr=2e-3 --ema=0.99 --lr_schedule=linear --epochs=16 --name=points/ring_r1 "$@"
