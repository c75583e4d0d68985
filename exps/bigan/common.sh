# Flags that all scripts of this folder share: MNIST without spatial structure, latents of 50 dimensions, batches of 128.
. exps/env.sh
SHARED="--trainer=trainers/bigan.py --network=networks/bigan_mnist.py --z_dim=50 --batch_size=128 --lr=2e-4 --beta1=0.5 --beta2=0.999
  --iterator=iterators/mnist.py --keep_last=2 --resume=auto"
