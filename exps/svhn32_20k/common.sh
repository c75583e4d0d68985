# Table 2 of Beckham et al. 2019: 20,000 training images of SVHN, a code of 32 dimensions.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
TABLE="$AMR $AMR_SVHN --iterator_args subset=20000 subset_seed=run --network_args code=32"
