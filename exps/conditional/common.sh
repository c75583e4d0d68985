# Class-conditional GANs beside unconditional ones.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/arena.sh

# 10,000 digits of MNIST, or as many as there are, and small networks: under a minute a run on one core. After
# training, the same script with --mode=evaluate --extractor=classifier --protocol=full-train scores it; with
# classes, --per_class too.
MNIST10K="$MNIST --iterator_args download=False --network=networks/small.py --network_args width=16
  --batch_size=64 --z_dim=64 --lr=1e-3 --beta1=0.0 --beta2=0.9 --ema=0.99 --max_steps=1000 --save_every=0
  --save_images_every=0 --log_every=100 --threads=1 --resume=auto"
