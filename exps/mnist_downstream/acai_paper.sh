#!/bin/sh
# ACAI on MNIST, 32-dimensional code, as in its own paper (Berthelot et al. 2018): l2, critic without sigmoid, gamma 0.2, lambda 0.5, Adam 1e-4 (0.9, 0.999).
# Published: no row of the paper.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist_downstream/acai_paper --trainer=trainers/acai.py --acai=paper \
  --network_args norm=None spec_norm=False --lamb=1 --update_g_every=1 --beta1=0.9 --beta2=0.999 --weight_decay=0 --epochs=300 "$@"
