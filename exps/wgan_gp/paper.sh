#!/bin/sh
# WGAN-GP on CIFAR-10, the paper's residual networks without labels, 100,000 steps of G (500,000 of the
# critic), the critic's batches of 64, G's of 128, dequantised images.
# Differs from the paper's code: G's first step comes before the critic's first (there: after it); samples
# have batch norm's running statistics (there: those of their batch).
# Published (Gulrajani et al. 2017, unsupervised; 50,000 samples in 10 splits): IS 7.86 +/- 0.07.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=wgan_gp/paper $TABLE --network_args variant=paper \
  --iterator_args dequantise=True --batch_size=64 --g_batch=2 --max_steps=500000 "$@"
