# Stacked MNIST. After training, the same script with --mode=evaluate --metrics modes
# --extractor=stacked-classifier --protocol=10k-25600 (VEEGAN: 10k-26k) counts modes.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
set -- --iterator_args root="$DATA" "$@"
TABLE="$STACKED_MNIST --z_dist=uniform --lr=2e-4 --beta1=0.5 --beta2=0.9 --save_every=0
  --save_every_steps=10000 --keep_last=2 --save_images_every=10 --log_every=100 --resume=auto"

# The settings. UNROLLED: the networks of Metz et al. 2017, whose D is K = 4, 2 or 1 times narrower; 25,600
# samples. VEEGAN: a DCGAN of ordinary width, 50 epochs of 128,000 triples in batches of 64; 26,000 samples.
UNROLLED="$TABLE --network=networks/stacked_mnist.py --z_dim=256 --max_steps=200000"
VEEGAN="$TABLE --network=networks/dist_gan_dcgan.py --z_dim=100 --max_steps=100000"

# The methods. DIST_GAN: tntrung/msgan's; the autoencoder's step updates G too. GAN: plain, batches of 64.
DIST_GAN="$DIST_GAN --loss=log --weights=fixed --lambda_r=0.01 --ae_updates=enc+gen"
GAN="--trainer=trainers/ssgan.py --self_supervised=none --loss=jsgan --update_g_every=1 --batch_size=64"

# PacGAN's own DCGANs (Lin et al. 2018; code fjxmlzn/PacGAN), whose numbers the rows that have them carry.
# PACGAN_UNROLLED: 3x3 networks, z ~ N(0, I), 500,000 steps of batch 128 on fresh triples. PACGAN_VEEGAN: 5x5
# networks, z ~ U(-1, 1), two G steps for one of D, 50 epochs of 128,000 triples of all 70,000 digits in the
# order drawn.
PACGAN="$TABLE --network=networks/pacgan_mnist.py"
PACGAN_UNROLLED="$PACGAN --network_args setting=unrolled --iterator_args fresh=True --z_dim=256
  --z_dist=normal --batch_size=128 --lr=1e-4 --disc_lr=2e-4 --beta2=0.99 --max_steps=500000"
PACGAN_VEEGAN="$PACGAN --network_args setting=veegan --iterator_args shuffle=False test_digits=True
  --z_dim=100 --batch_size=64 --beta2=0.999 --g_steps=2 --epochs=50"
