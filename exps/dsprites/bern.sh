#!/bin/sh
# AMR on dSprites: Bernoulli mixup (fm2) of 2 codes.
# Published (Beckham et al. 2019, Table 4): number not found. Protocol there: FactorVAE metric, whose code skipped a factor; see docs/amr.md.
set -eu; cd "$(dirname "$0")/../.."; . exps/dsprites/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=dsprites/bern --trainer=trainers/amr.py --mixer=fm2 --k=2 --beta=0 --epochs=500 "$@"
