#!/bin/sh
# WGAN-GP on CIFAR-10 with labels, as the paper's code runs: paper.sh with class batch norm in G and an
# auxiliary classifier in the critic, weights 1 in its loss and 0.1 in G's. The critic's images have the
# classes of its real ones, G's step uniform ones.
# Differs from the paper's code: as paper.sh.
# Published (Gulrajani et al. 2017, supervised; 50,000 samples in 10 splits): IS 8.42 +/- 0.10.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=wgan_gp/paper_acgan $TABLE --network_args variant=paper \
  --iterator_args dequantise=True --batch_size=64 --g_batch=2 --max_steps=500000 --conditional=acgan \
  --g_class_weight=0.1 --class_terms=real --label_dist=uniform --mixup_classes=within "$@"
