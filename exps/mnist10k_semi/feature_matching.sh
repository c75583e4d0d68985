#!/bin/sh
# Semi-supervised learning on 10,000 digits: 100 labels and 9,000 images, feature matching.
# Published: no row of a paper; docs/improved-techniques.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_semi/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_semi/feature_matching "$@"
