# Dist-GAN, SS-Dist-GAN and MS-Dist-GAN: a row is a network with its task, and data. Published numbers of
# Dist-GAN are of tntrung/gan's older code, with lambda_p 1 and moving weights, which their rows have.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
MNIST_AE="--z_dim=100 --ae_updates=enc+gen --max_steps=100000"  # the autoencoder's step updates G too
