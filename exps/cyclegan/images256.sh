#!/bin/sh
# CycleGAN, two folders of photographs at 256x256, as horses and zebras: the setting of the authors' code (Zhu et al. 2017, section 4 and appendix 7).
# Published: pictures; its numbers are of other experiments. DATA is the folder with trainA, trainB, testA, testB.
set -eu; cd "$(dirname "$0")/../.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=cyclegan/images256 --trainer=trainers/cyclegan.py --network=networks/cyclegan.py \
  --iterator=iterators/unpaired_images.py --iterator_args root="${DATA:-data}" size=256 load_size=286 \
  --batch_size=1 --epochs=200 --lr=2e-4 --beta1=0.5 --beta2=0.999 --lr_schedule=half --identity=0.5 \
  --save_every=5 --keep_last=3 --keep_every=50000 --log_every=100 --resume=auto "$@"
