# Flags that the rows of this table share: 10,000 digits, a narrow DCGAN, a higher learning rate and 1,000 steps, for a processor's minutes. DATA
# is the folder that holds torchvision's MNIST (DATA/MNIST/raw).
. exps/env.sh
SHARED="--iterator=iterators/mnist.py --iterator_args root=${DATA:-data} download=False --network=networks/dcgan.py --network_args width=8
  --batch_size=64 --z_dim=64 --z_dist=uniform --lr=1e-3 --beta1=0.5 --ema=0.995 --max_steps=1000 --save_every=0 --save_images_every=7
  --threads=1 --resume=auto"
