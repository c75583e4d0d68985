# AMR's methods on 10,000 digits: a narrow autoencoder and 1,000 steps, which take minutes on a CPU. 1,000
# training digits choose the probe's weight decay. docs/amr.md has results.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
TABLE="$AMR $MNIST --iterator_args size=32 valid=1000 --network_args code=32 width=8 --lr=1e-3 --lamb=10
  --update_g_every=1 --threads=1 --max_steps=1000 --save_every=4 --save_images_every=4 --keep_last=1"
set -- --iterator_args root="$DATA" "$@"
