#!/bin/sh
# ACAI, MNIST, code of 32, as in its own paper (Berthelot et al. 2018): l2, critic without sigmoid, gamma 0.2,
# lambda 0.5.
# Published: no row of the paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist_downstream/acai_paper $TABLE \
  --trainer=trainers/acai.py --acai=paper --network_args norm=None spec_norm=False slope=0.2 \
  --lamb=1 --update_g_every=1 --beta1=0.9 --beta2=0.999 --weight_decay=0 --epochs=300 "$@"
