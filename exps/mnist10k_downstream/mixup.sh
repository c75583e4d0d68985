#!/bin/sh
# AMR, mixup of 2 codes, on 10,000 digits for 1,000 steps.
# Published: no row of the paper; docs/amr.md has what came out.
set -eu; cd "$(dirname "$0")/../.."; . exps/mnist10k_downstream/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=mnist10k_downstream/mixup --trainer=trainers/amr.py --mixer=mixup --k=2 --beta=0 "$@"
