# Table 1 of Beckham et al. 2019: MNIST, a code of 32 dimensions.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
TABLE="$AMR $AMR_MNIST --network_args code=32"
