#!/bin/sh
# AMR on dSprites: mixup of 2 codes.
# Published (Beckham et al. 2019, Table 4): number not found. Protocol there: FactorVAE metric, whose code skipped a factor; see docs/amr.md.
set -eu; cd "$(dirname "$0")/../.."; . exps/dsprites/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=dsprites/mixup --trainer=trainers/amr.py --mixer=mixup --k=2 --beta=0 --epochs=500 "$@"
