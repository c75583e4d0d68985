#!/bin/sh
# CycleGAN, MNIST and coloured MNIST: the setting of a public course solution (5 epochs, batch 128, lr falling to 0, no pool, D's loss in full, one
# score an image). Published: pictures only, no number. DATA is the folder that holds, or gets, torchvision's MNIST.
set -eu; cd "$(dirname "$0")/../.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=cyclegan/colour_mnist --trainer=trainers/cyclegan.py --network=networks/cyclegan_mnist.py \
  --network_args strides=3 mean=True --iterator=iterators/colour_mnist.py --iterator_args root="${DATA:-data}" \
  --batch_size=128 --epochs=5 --lr=2e-4 --beta1=0.5 --beta2=0.999 --lr_schedule=linear --pool_size=0 --d_weight=1 \
  --save_every=1 --resume=auto "$@"
