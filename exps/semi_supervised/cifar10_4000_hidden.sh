#!/bin/sh
# Semi-supervised CIFAR-10 with 4,000 labels, feature matching and hidden mixup.
# Published: no number of this row was found.
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/colour.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/cifar10_4000_hidden --iterator=iterators/semi.py \
  --iterator_args base=iterators/cifar10.py download=False labels_per_class=400 label_seed="${LABEL_SEED:-0}" --fm_form=absolute --mixup=hidden "$@"
