#!/bin/sh
# WGAN-GP on CIFAR-10, the paper's residual networks without labels, 100,000 steps of G (500,000 of the critic), batches of 64, dequantised images.
# Published: Inception score 7.86 +/- .07 (Gulrajani et al. 2017, unsupervised; 50,000 samples in 10 splits). There G steps are on 128 samples, here on 64.
set -eu; cd "$(dirname "$0")/../.."; . exps/wgan_gp/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=wgan_gp/paper --network_args variant=paper --iterator_args dequantise=True --batch_size=64 --max_steps=500000 "$@"
