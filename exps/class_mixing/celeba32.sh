#!/bin/sh
# AMR with class mixing on CelebA at 32x32: a mask conditioned on 40 attributes says which feature maps to
# take from which face.
# Published (Beckham et al. 2019, supervised mixing): pictures only; no published script was found.
set -eu; cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
exec $LAUNCH task_launcher.py --name=class_mixing/celeba32 $AMR_ADAM $CELEBA \
  --iterator_args size=32 crop=148 --network=networks/autoencoder32.py \
  --network_args code=1024 attributes=40 --trainer=trainers/class_mixing.py \
  --mixer=fm2 --lamb=10 --beta=0 --cls=1 --cls_probe=none --weight_decay=1e-5 \
  --epochs=200 --save_every=5 --save_images_every=1 --keep_last=2 --resume=auto "$@"
