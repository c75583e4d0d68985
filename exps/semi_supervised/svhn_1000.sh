#!/bin/sh
# Semi-supervised SVHN with 1,000 labels, feature matching.
# Published (Salimans et al. 2016): 8.11 +/- 1.3 % errors (10 label splits; ensemble of 10: 5.88 +/- 1.0).
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/colour.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/svhn_1000 --iterator=iterators/semi.py \
  --iterator_args base=iterators/svhn.py download=False labels_per_class=100 label_seed="${LABEL_SEED:-0}" --fm_form=absolute --epochs=900 --network_args width=64 "$@"
