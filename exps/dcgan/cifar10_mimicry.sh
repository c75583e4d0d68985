#!/bin/sh
# "DCGAN" on CIFAR-10 by kwotsin/mimicry: a residual GAN without spectral normalisation. Differs from it,
# presumably: its training settings are not in the repository (Kurach et al.'s, says its readme); these are
# mimicry's of CIFAR-10: 100,000 G steps of batch 64, five D steps each, Adam 2e-4 (0, 0.9), linearly to 0.
# Biases start at 0 (there: as the framework has it).
# Published (its readme, 10k-10k): FID 28.95 +/- 0.42.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=dcgan/cifar10_mimicry $TABLE --network_args variant=mimicry \
  --z_dim=128 --batch_size=64 --update_g_every=5 --beta1=0 --beta2=0.9 --max_steps=500000 "$@"
