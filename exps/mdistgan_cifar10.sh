#!/bin/sh
# MS-Dist-GAN on CIFAR-10 with the settings of the PyTorch port (rmermin/msgan.pytorch): 300,000 iterations, d 128, widths 256, 128, 256, Adam 1e-4 (0, 0.9) to N/2 and
# then linearly to 0, lambda_d 0.5, lambda_g 0.1, lambda_p 1 with the l2 norm, reconstruction and latent-data distance by two optimisers; E alone in the autoencoder's step,
# Phi(x_r) in its distance and softmax classes, where the port has E and G, Phi(x) and sigmoids (docs/dist-gan.md).
# Published: the port's own FID 26.76 at 100,000 iterations, then flat (10,000 generated against test statistics); the paper's 11.40 (10k-10k).
# The port's own arrangement: --ae_updates=enc+gen --reg_features=real --official_quirks one_hot_bce.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh
exec $LAUNCH task_launcher.py --name=mdistgan_cifar10 --trainer=trainers/dist_gan.py --iterator=iterators/cifar10.py --network=networks/dist_gan_resnet.py --network_args classes=5 \
  --batch_size=192 --max_steps=300000 --z_dim=128 --z_dist=uniform --lr=1e-4 --beta1=0 --beta2=0.9 --lr_schedule=half --seed=12345 --loss=hinge --weights=moving \
  --self_supervised=ms --lambda_d=0.5 --lambda_g=0.1 --lambda_p=1 --penalty_norm=l2 --scale=unit --ae_optimisers=two \
  --save_every=0 --save_every_steps=10000 --keep_last=2 --save_images_every=3 --log_every=100 --resume=auto "$@"
