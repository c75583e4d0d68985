# The arena: regularisers of GANs compared at equal compute. docs/arena.md says what each is.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/arena.sh

# CIFAR-10 with a tenth of its training images, where regularisers matter most: an SN-ResNet of width 32 that
# two CPU cores can train.
CIFAR10_10PCT="$CIFAR10 --iterator_args subset=5000 stratify=True flip=True --network=networks/sngan.py
  --network_args width=32 gen_width=64 --z_dim=128 --loss=hinge --beta1=0.0 --beta2=0.9 --ema=0.999
  --max_steps=20000 --save_every=0 --save_every_steps=2000 --keep_last=2 --save_images_every=20 --resume=auto"

# The 1,797 digits inside scikit-learn: minutes a run.
DIGITS="--iterator=iterators/digits.py --network=networks/small.py --lr=5e-4 --beta1=0.0 --ema=0.995
  --max_steps=2800 --save_every=0 --save_images_every=0 --threads=1 --resume=auto"

# 10,000 digits of MNIST, or as many as there are, and small networks: under a minute a run on one core, for
# exps/grid.sh.
MNIST10K="$MNIST --iterator_args download=False --network=networks/small.py --network_args width=16
  --batch_size=64 --z_dim=64 --lr=1e-3 --beta1=0.0 --beta2=0.9 --ema=0.99 --max_steps=1000 --save_every=0
  --save_images_every=0 --log_every=100 --threads=1 --resume=auto"

# Stacked MNIST with few digits and a narrow R3GAN for 400 steps: modes found, by --mode=evaluate --metrics
# modes --extractor=stacked-classifier --protocol=10k-25600. Schedules go over these 25,600 images.
STACKED="$STACKED_MNIST --iterator_args n=50000 $R3GAN --network_args width=16 blocks=1 --batch_size=64
  --lr=1e-3 --anneal lr=2.5e-4 beta2=0.99 ema_images=2000 --anneal_images=25600 --max_steps=400 --save_every=0
  --save_minutes=5 --keep_last=1 --save_images_every=1 --log_every=50 --threads=1 --resume=auto"
