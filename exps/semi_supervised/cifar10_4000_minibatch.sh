#!/bin/sh
# Semi-supervised CIFAR-10 with 4,000 labels, minibatch discrimination in place of feature matching.
# Published (Salimans et al. 2016): no number; the paper says that it does not work for semi-supervised
# learning.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=semi_supervised/cifar10_4000_minibatch $CIFAR10_4000 \
  --g_loss=adversarial --loss=minimax --g_steps=3 --network_args perturb=noise minibatch_disc=100x5 "$@"
