#!/bin/sh
# AMR on dSprites: an adversary on reconstructions, no mixes.
# Published (Beckham et al. 2019, Table 4): number not found. Protocol there: FactorVAE metric, whose code skipped a factor; see docs/amr.md.
set -eu; cd "$(dirname "$0")/../.."; . exps/dsprites/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=dsprites/baseline --trainer=trainers/amr.py --disable_mix --beta=0 --network_args ndf=64 \
  --epochs=500 "$@"
