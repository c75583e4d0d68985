# Improved techniques (Salimans et al. 2016) on 10,000 digits: a narrow DCGAN, a higher learning rate and
# 1,000 steps, which take minutes on a CPU. docs/improved-techniques.md has results.
KERNELS=50x5
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/improved_techniques.sh
TABLE="$IMPROVED $MNIST --iterator_args download=False --network_args width=8 --batch_size=64 --z_dim=64
  --lr=1e-3 --ema=0.995 --max_steps=1000 --save_every=0 --save_images_every=7 --threads=1"
set -- --iterator_args root="$DATA" "$@"
