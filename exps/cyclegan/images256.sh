#!/bin/sh
# CycleGAN, two folders of photographs at 256x256, as horses and zebras: the setting of the authors' code (Zhu
# et al. 2017, section 4 and appendix 7). FOLDER, else DATA, is the folder with trainA, trainB, testA, testB.
# Published: pictures; its numbers are of other experiments.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=cyclegan/images256 $CYCLEGAN $UNPAIRED_IMAGES \
  --iterator_args root="${FOLDER:-$DATA}" size=256 load_size=286 \
  --network=networks/cyclegan.py --batch_size=1 --epochs=200 --lr=2e-4 --lr_schedule=half \
  --identity=0.5 --save_every=5 --keep_last=3 --keep_every=50000 --log_every=100 "$@"
