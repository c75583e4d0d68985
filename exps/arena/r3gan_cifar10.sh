#!/bin/sh
# R3GAN on all of CIFAR-10 without labels, by the settings of its code; the length is ours.
# Published (Huang et al. 2024): number not found; theirs is class-conditional.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=arena/r3gan_cifar10 $CIFAR10 --iterator_args flip=True \
  $R3GAN --ada=r3gan --ada_p=0 \
  --batch_size=512 --penalty r1=0.05 r2=0.05 --anneal_images=20000000 \
  --anneal lr=5e-5 beta2=0.99 r1=0.005 r2=0.005 ada_p=0.55 ema_images=5000000 \
  --max_steps=195313 --save_every=10 --keep_last=2 --resume=auto "$@"
