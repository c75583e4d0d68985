# Flags that the rows of this table share: 10,000 digits, a narrow autoencoder and 1,000 steps, for a processor's minutes. DATA is the folder
# that holds torchvision's MNIST (DATA/MNIST/raw); 1,000 training digits choose the probe's weight decay.
. exps/env.sh
SHARED="--iterator=iterators/mnist.py --iterator_args root=${DATA:-data} size=32 valid=1000
  --network=networks/autoencoder32.py --network_args code=32 width=8
  --batch_size=64 --lr=1e-3 --beta1=0.5 --beta2=0.99 --weight_decay=1e-5 --lamb=10 --update_g_every=1 --threads=1
  --max_steps=1000 --save_every=4 --save_images_every=4 --keep_last=1 --resume=auto"
