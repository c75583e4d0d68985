# Class-conditional GANs beside unconditional ones.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/arena.sh

# 10,000 digits of MNIST, or as many as there are, and small networks: under a minute a run on one core. After
# training, the same script with --mode=evaluate --extractor=classifier --protocol=full-train scores it; with
# classes, --per_class too.
MNIST10K="$MNIST --iterator_args download=False --network=networks/small.py --network_args width=16
  --batch_size=64 --z_dim=64 --lr=1e-3 --beta1=0.0 --beta2=0.9 --ema=0.99 --max_steps=1000 --save_every=0
  --save_images_every=0 --log_every=100 --threads=1 --resume=auto"

# Projection (Miyato and Koyama 2018) on CIFAR with SN-GAN's networks, five D steps for one of G, classes of
# generated images uniform. PFNET: the authors' code. MIMICRY: kwotsin/mimicry's.
PROJECTION="--network=networks/sngan.py --conditional=projection --label_dist=uniform --z_dim=128
  --batch_size=64 --loss=hinge --update_g_every=5 --lr=2e-4 --beta1=0 --beta2=0.9 --lr_schedule=linear
  --save_every=0 --save_every_steps=10000 --keep_last=2 --save_images_every=20 --log_every=500 --resume=auto"
PFNET="$PROJECTION --network_args gen_eps=2e-5 --g_batch=2 --max_steps=250000"
MIMICRY="$PROJECTION --network_args upsample=bilinear relu_shortcut=True head_bias=True --max_steps=500000"
