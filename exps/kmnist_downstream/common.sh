# Flags that the rows of this table share (Beckham et al. 2019, scripts of the released code): batch 64, Adam 1e-4 (0.5, 0.99), decay 1e-5,
# one step of the autoencoder in five of the discriminator, beta 0.
. exps/env.sh
SHARED="--iterator=iterators/kmnist.py --iterator_args size=32 valid=10000
  --network=networks/autoencoder32.py --network_args code=32
  --batch_size=64 --lr=1e-4 --beta1=0.5 --beta2=0.99 --weight_decay=1e-5 --update_g_every=5
  --save_every=20 --save_images_every=20 --keep_last=2 --resume=auto"
