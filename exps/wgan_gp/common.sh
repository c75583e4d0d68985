# WGAN-GP on CIFAR-10: Adam 2e-4 (0, 0.9), penalty 10, learning rate linearly to zero. A step is an update of
# the critic. G is updated at steps 0, 5, 10, ...: a fifth of them, rounded up.
# Published class-based scores are no Inception scores: a CIFAR-10 classifier of 10 classes, a GoogLeNet,
# 1,000 samples, no splits (README of "Various GAN architectures in PyTorch"). Inception scores of other
# WGAN-GPs: docs/wgan-gp.md.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
TABLE="$CIFAR10 --network=networks/wgan_gp.py --loss=wgan --penalty gp=10 --update_g_every=5 --lr=2e-4
  --beta1=0 --beta2=0.9 --lr_schedule=linear --z_dim=128 --z_dist=normal --samples=100 --keep_last=2
  --resume=auto"
