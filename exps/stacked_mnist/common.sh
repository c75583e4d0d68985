# Flags that the Stacked MNIST experiments share. DATA is the folder that holds torchvision's MNIST (DATA/MNIST/raw); any number of digits will do.
# UNROLLED: the networks of Metz et al. 2017, whose D is K = 4, 2 or 1 times narrower; 25,600 samples (--protocol=10k-25600). VEEGAN: a DCGAN of ordinary
# width, 26,000 samples (--protocol=10k-26k), 50 epochs of 128,000 triples. After training: the same script with
#   --mode=evaluate --metrics modes --extractor=stacked-classifier --protocol=10k-25600
# Iterations of tntrung/msgan: 200,000 of batch 64 for each update, lambda_r 0.01, Adam 2e-4 (0.5, 0.9), log loss, the autoencoder's step updates G too.
. exps/env.sh
DATA_SET="--iterator=iterators/stacked_mnist.py --iterator_args root=${DATA:-data}"
SHARED="--save_every=0 --save_every_steps=10000 --keep_last=2 --save_images_every=10 --log_every=100 --z_dist=uniform --lr=2e-4 --beta1=0.5 --beta2=0.9 --resume=auto"
UNROLLED="$SHARED --network=networks/stacked_mnist.py --z_dim=256"
VEEGAN="$SHARED --network=networks/dist_gan_dcgan.py --z_dim=100"
DIST_GAN="--trainer=trainers/dist_gan.py --batch_size=192 --loss=log --weights=fixed --lambda_r=0.01 --ae_updates=enc+gen"
GAN="--trainer=trainers/ssgan.py --self_supervised=none --loss=jsgan --update_g_every=1 --batch_size=64"
