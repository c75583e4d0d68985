#!/bin/sh
# Semi-supervised MNIST with 100 labels, with mixup in pixels.
# Published: no number of this row was found.
set -eu; cd "$(dirname "$0")/../.."; . exps/semi_supervised/mnist.common.sh
exec $LAUNCH task_launcher.py $SHARED --name=semi_supervised/mnist100_pixel --iterator_args labels_per_class=10 --mixup=pixel "$@"
