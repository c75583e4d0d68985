# Table 3 of Beckham et al. 2019: CIFAR-10, a code of 256 dimensions.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
TABLE="$AMR $AMR_CIFAR10 --network_args code=256"
