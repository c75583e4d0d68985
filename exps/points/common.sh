# GANs of points. LINE: one dimension, by the public settings of the 2020 homework's solution (CS294-158): z ~
# U(-1, 1)^5, Adam 1e-4 (0, 0.9), one step of D for one of G, batch 64, 25 epochs of 20,000 points. NETS20,
# NETS24: its networks, and the 2024 homework's. SETTLED, with NETS24, stops the oscillation: a penalty on D's
# gradient, an averaged G, a learning rate that falls to 0. docs/points.md has results.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
MLP="--network=networks/mlp.py --threads=1 --keep_last=1 --resume=auto"
LINE="$MLP $POINTS1D --z_dim=5 --z_dist=uniform --lr=1e-4 --beta1=0 --beta2=0.9 --batch_size=64 --epochs=25
  --save_every=5"
NETS20="--network_args width=256 layers=3 slope=0.01 gen_out=tanh"
NETS24="--network_args width=128 layers=3 slope=0.2 gen_out=tanh"
SETTLED="$NETS24 --lr=3e-4 --lr_schedule=linear --penalty r1=0.1 --ema=0.995 --epochs=6"

# RING, GRID: mixtures of 8 and 25 Gaussians in the plane, perceptrons of three layers of 128 for both
# players, z ~ N(0, I) in the plane. D also sees 32 random Fourier features. Without them it takes far longer
# to separate 25 narrow modes from the space between them.
PLANE="$MLP $POINTS2D --z_dim=2"
SMALL="$PLANE --network_args width=128 layers=3 gen_out=linear fourier=32 --lr=1e-3 --batch_size=128
  --epochs=8 --save_every=1"
RING="$SMALL --iterator_args layout=ring --network_args fourier_scale=1.0"
GRID="$SMALL --iterator_args layout=grid --network_args fourier_scale=0.25"
# the methods, each with an averaged generator and a falling learning rate
AVERAGED="--ema=0.99 --lr_schedule=linear"
HIDDEN_MIXUP="--mixup=hidden --penalty r1=0.1 $AVERAGED"
R1_R2="--penalty r1=0.03 r2=0.03 --beta1=0 --beta2=0.99 --lr=2e-3 --epochs=16 $AVERAGED"
WGAN_GP="--loss=wgan --penalty gp=0.1 --update_g_every=3 --beta1=0 --beta2=0.9 $AVERAGED"

# PACGAN: the GAN of Lin et al. 2018 (PacGAN) as in their released code: 400,000 steps of 100 packs. PAC1 to
# PAC4: points in a pack; as many times 100 points a step, and 400 epochs of 100,000 points.
PACGAN="$PLANE --network_args width=400 layers=4 activation=relu gen_norm=True gen_out=linear init=normal
  disc_width=200 disc_layers=3 disc_activation=maxout --lr=1e-4 --beta1=0.8 --save_every=10
  --save_images_every=20"
PAC1="--batch_size=100 --epochs=400"
PAC2="--packing=2 --batch_size=200 --epochs=800"
PAC3="--packing=3 --batch_size=300 --epochs=1200"
PAC4="--packing=4 --batch_size=400 --epochs=1600"
