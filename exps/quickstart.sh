#!/bin/sh
# GAN with hidden mixup on the 1,797 handwritten digits inside scikit-learn: from a fresh clone to readable samples on a CPU.
# No published number. Expected time: under 3 minutes on 2 cores, after installation.
set -eu; cd "$(dirname "$0")/.."
. exps/env.sh
install requirements.txt
exec $LAUNCH task_launcher.py --name=quickstart --iterator=iterators/digits.py --network=networks/small.py --epochs=150 \
  --mixup=hidden --beta1=0.0 --ema=0.995 --save_every=25 --save_images_every=5 --resume=auto "$@"
