# Dist-GAN, SS-Dist-GAN and MS-Dist-GAN: a row is a network with its task, and data. Published numbers of
# Dist-GAN are of tntrung/gan's older code, with lambda_p 1 and moving weights, which their rows have.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
# the autoencoder's step updates G too; G has a dense layer from 8x8 to 7x7 maps
MNIST_AE="--z_dim=100 --ae_updates=enc+gen --network_args resize=dense --max_steps=100000"
OLDER="--lambda_p=1 --network_args slope=0.1"  # the SN-CNN of the older code
