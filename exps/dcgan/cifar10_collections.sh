#!/bin/sh
# DCGAN on CIFAR-10 by w86763777/pytorch-gan-collections: 100,000 steps of batch 128 for D and 256 for G,
# flips, Adam 2e-4 (0.5, 0.9), linearly to 0. Differs from its code: G's step comes before D's (there:
# after it).
# Published (its readme, 50,000 samples against the training images): FID 42.72, IS 6.01 +/- 0.05.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dcgan/cifar10_collections $TABLE --network_args variant=collections \
  --iterator_args flip=True --z_dim=100 --batch_size=128 --g_batch=2 --beta1=0.5 --beta2=0.9 \
  --max_steps=100000 "$@"
