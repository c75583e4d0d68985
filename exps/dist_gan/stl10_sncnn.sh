#!/bin/sh
# Dist-GAN on STL-10 at 48x48, SN-CNN, hinge.
# Published: FID 36.19 (hinge, 10k real, 5k generated, 100k iterations; readme of tntrung/gan, lambda_p 1).
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/stl10_sncnn --iterator=iterators/stl10.py --iterator_args split=unlabeled size=48 --lambda_p=1 --max_steps=100000 "$@"
