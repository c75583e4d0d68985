#!/bin/sh
# GAN with hidden mixup on the 1,797 handwritten digits inside scikit-learn: from a fresh clone to readable
# samples on a CPU. Published: no number. Expected time: about a minute on 2 cores, after installation.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
install requirements.txt
# one thread: two do not make such small convolutions faster
exec $LAUNCH task_launcher.py --name=quickstart --iterator=iterators/digits.py --network=networks/small.py \
  --epochs=100 --mixup=hidden --lr=5e-4 --beta1=0.0 --ema=0.995 --save_every=10 --save_images_every=5 \
  --threads=1 --resume=auto "$@"
