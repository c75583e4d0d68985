#!/bin/sh
# ACAI, MNIST, code of 32, as in its own paper and code (Berthelot et al. 2018): l2, critic without sigmoid,
# gamma 0.2, lambda 0.5, no norm, LeakyReLU 0.2, 16,777,216 images. Differs from its code: digits are resized
# to 32x32 (there: padded), and 10,000 are held out. Scores: the probe (probe/test_acc), --mode=cluster.
# Published: no row of AMR's paper; that of its own: number not found.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist_downstream/acai_paper $TABLE \
  --trainer=trainers/acai.py --acai=paper --network_args norm=None spec_norm=False slope=0.2 \
  --lamb=1 --update_g_every=1 --beta1=0.9 --beta2=0.999 --weight_decay=0 --max_steps=262144 "$@"
