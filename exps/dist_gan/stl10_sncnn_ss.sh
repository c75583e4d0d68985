#!/bin/sh
# SS-Dist-GAN on STL-10 at 48x48, SN-CNN, hinge.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $SNCNN --name=dist_gan/stl10_sncnn_ss --iterator=iterators/stl10.py --iterator_args split=unlabeled size=48 --network_args classes=4 --self_supervised=ss --lambda_d=0.5 "$@"
