# Dist-GAN's toys (tntrung/gan, distgan_toy1d and distgan_toy2d). Each update has fresh points: --batch_size
# is their number an iteration. Pictures join the run's animation.gif.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
TOY="--threads=1 --save_every=0 --keep_last=1 --resume=auto"

# LINE: one dimension, N(4, 1), 10,000 iterations of batch 64; a picture every 300 iterations. Two hidden
# layers of 16, a learning rate that falls to 0 and an averaged generator for all methods, and a tenth of the
# original's penalty for Dist-GAN. The original's networks have one layer of 4 ReLUs, which all bend at 0, far
# from the data. So with some seeds D is linear where the data are. For the original's settings, put
# --network_args width=4 layers=1 activation=relu init=glorot --lr_schedule=constant --ema=0 at a script's
# end, and --lambda_p=0.1 for Dist-GAN.
LINE="$TOY $POINTS1D --iterator_args data=gaussian n=19200 --z_dim=1 --lr=1e-3 --beta1=0.5 --beta2=0.9
  --lr_schedule=linear --ema=0.999 --max_steps=10000 --log_every=300 --batch_size=64
  --network_args width=16 layers=2 activation=lrelu gen_out=linear init=None"
LINE_GAN="$LINE --network=networks/mlp.py"
AE_GAN="$LINE --trainer=trainers/ae_gans.py --network=networks/dist_gan_mlp.py"

# PLANE: points in [-1, 1], with distances and slopes as in [0, 1]; 20,000 iterations, a hundredth of the
# original's penalty, one update of D for each of G, a learning rate that falls to 0, an averaged generator,
# and a D that also sees 32 random Fourier features. The modes are a hundredth of the square wide, and a
# perceptron learns broad shapes long before narrow ones. Protocol of distgan_toy2d: 2,000 samples (here
# 2,500), registered within 2.83 sigma; a mode is covered by 20.
POINTS="$TOY $POINTS2D --z_dim=2 --z_dist=uniform --log_every=250"
PLANE="$POINTS --iterator_args scale=symmetric --lr=2e-3 --beta1=0 --beta2=0.99 --lr_schedule=linear
  --ema=0.999 --max_steps=20000 --network_args width=128 layers=3 activation=lrelu gen_out=linear init=he
  fourier=32 fourier_scale=1.0"
PLANE_GAN="$PLANE --network=networks/mlp.py --batch_size=128 --save_images_every=4"
TOY_DIST_GAN="--trainer=trainers/dist_gan.py --network=networks/dist_gan_mlp.py --phi=data --loss=log
  --weights=half --lambda_r=0.1 --lambda_p=0.1 --ae_updates=enc+gen"
PLANE_DIST_GAN="$PLANE $TOY_DIST_GAN --scale=unit --lambda_p=0.001 --batch_size=384 --save_images_every=12"

# OFFICIAL: points in [0, 1] and the original's settings, with five D steps, for 12,500 iterations of batch
# 128 (there 500 epochs, 195,000). There the learning rate falls by 0.9 each 10,000 updates, of which an
# iteration has seven. Here it falls by as much, each epoch.
OFFICIAL="$POINTS $TOY_DIST_GAN --network_args width=128 layers=3 activation=relu gen_out=sigmoid init=he
  --recon_loss=bce --scale=given --d_steps=5 --batch_size=896 --lr=1e-3 --beta1=0.8 --beta2=0.999
  --max_steps=12500 --lr_schedule=exp --lr_gamma=0.99588 --save_images_every=5"
