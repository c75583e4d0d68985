#!/bin/sh
# Semi-supervised CIFAR-10 with 4,000 labels, minibatch discrimination in place of feature matching.
# Published: no number; the paper says that it does not work for semi-supervised learning.
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/colour.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/cifar10_4000_minibatch --iterator=iterators/semi.py \
  --iterator_args base=iterators/cifar10.py download=False labels_per_class=400 label_seed="${LABEL_SEED:-0}" --g_loss=adversarial --loss=minimax --g_steps=3 --network_args perturb=noise minibatch_disc=100x5 "$@"
