#!/bin/sh
# The GAN of SSGAN's networks without rotations, on STL-10 at 48x48. The networks are those for 32x32 on larger maps (mimicry's for 48x48 have other widths).
# Published: FID 39.56, IS 8.04 (kwotsin/mimicry).
set -eu; cd "$(dirname "$0")/../.."; . exps/ssgan/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=ssgan/stl10_sngan --iterator=iterators/stl10.py --iterator_args split=unlabeled size=48 --network_args classes=0 --self_supervised=none "$@"
