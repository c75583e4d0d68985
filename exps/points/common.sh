# Flags that the rows share. LINE: one-dimensional GANs with the public settings of the 2020 homework's solution: z ~ U(-1, 1)^5, Adam 1e-4
# (0, 0.9), one step of D for one of G, batch 64, 25 epochs of 20,000 points. NETS20, NETS24: its networks, and the 2024 homework's.
. exps/env.sh
LINE="--iterator=iterators/points1d.py --network=networks/mlp.py --z_dim=5 --z_dist=uniform --lr=1e-4 --beta1=0 --beta2=0.9
  --batch_size=64 --epochs=25 --threads=1 --save_every=5 --keep_last=1 --resume=auto"
NETS20="--network_args width=256 layers=3 slope=0.01 gen_out=tanh"
NETS24="--network_args width=128 layers=3 slope=0.2 gen_out=tanh"
# SETTLED: what keeps the one-dimensional game from circling: a penalty on D's slope, an averaged G, a learning rate that falls to 0; 6 epochs.
SETTLED="--network_args width=128 layers=3 slope=0.2 gen_out=tanh --lr=3e-4 --lr_schedule=linear --penalty r1=0.1 --ema=0.995 --epochs=6"
# RING, GRID: two-dimensional mixtures of 8 and 25 Gaussians, perceptrons of three layers of 128 for both players, z ~ N(0, I) in the plane; D sees
# 32 random Fourier features beside x, without which it takes far longer to tell 25 narrow modes from the space between them.
PLANE="--iterator=iterators/points2d.py --network=networks/mlp.py --z_dim=2 --lr=1e-3 --batch_size=128 --epochs=8 --threads=1
  --save_every=1 --keep_last=1 --resume=auto"
RING="$PLANE --iterator_args layout=ring --network_args width=128 layers=3 gen_out=linear fourier=32 fourier_scale=1.0"
GRID="$PLANE --iterator_args layout=grid --network_args width=128 layers=3 gen_out=linear fourier=32 fourier_scale=0.25"
# PACGAN: the GAN that Lin et al. 2018 (PacGAN) compare with, as in their released code: 400 epochs of 100,000 points.
PACGAN="--network=networks/mlp.py --network_args width=400 layers=4 activation=relu gen_norm=True gen_out=linear init=normal disc_width=200
  disc_layers=3 disc_activation=maxout --z_dim=2 --lr=1e-4 --beta1=0.8 --batch_size=100 --epochs=400 --threads=1 --save_every=5 --keep_last=1 --save_images_every=10
  --iterator=iterators/points2d.py --resume=auto"
