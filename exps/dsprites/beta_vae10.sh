#!/bin/sh
# AMR on dSprites: beta-VAE with beta 10, which the original's code, averaging over 10 dimensions, calls 100.
# Published (Beckham et al. 2019, Table 4): number not found. Protocol there: FactorVAE metric, whose code skipped a factor; see docs/amr.md.
set -eu; cd "$(dirname "$0")/../.."; . exps/dsprites/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=dsprites/beta_vae10 --trainer=trainers/beta_vae.py --beta=10 --network_args vae=True \
  --beta1=0.9 --epochs=500 "$@"
