# Improved techniques (Salimans et al. 2016) on DCGAN of width 128. Published: no number of this setting was
# found (the README of the original shows samples of epochs 1 and 10; those of each epoch are in
# <run>/samples). Each folder's common.sh says how its data are scored.
KERNELS=100x5
cd "$(dirname "$0")/../../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/improved_techniques.sh
TABLE="$IMPROVED --network_args width=128 --batch_size=128 --z_dim=100 --lr=2e-4 --epochs=25 --save_every=5
  --save_images_every=1"
