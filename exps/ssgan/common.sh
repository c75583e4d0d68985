# SSGAN (Chen et al. 2019) and its yardsticks by kwotsin/mimicry's settings: 100,000 G steps (500,000 steps)
# of batch 64, five D steps each, Adam 2e-4 (0, 0.9), linearly to 0. CIFAR, STL: its networks for 32x32 and
# for 48x48, as its code runs (docs/dist-gan.md).
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
TABLE="--trainer=trainers/ssgan.py --z_dim=128 --batch_size=64 --loss=hinge --update_g_every=5
  --lr=2e-4 --beta1=0 --beta2=0.9 --lr_schedule=linear --max_steps=500000 --save_every=0
  --save_every_steps=10000 --keep_last=2 --save_images_every=20 --log_every=500 --resume=auto"
CIFAR="$TABLE --network=networks/ssgan.py --network_args upsample=bilinear relu_shortcut=True head_bias=True"
STL="$TABLE --network=networks/ssgan48.py $STL10"
SSGAN="--rotations=stratified"
SNGAN="--network_args classes=0 --self_supervised=none"  # the same GAN without rotations
