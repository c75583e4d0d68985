# Flags that the rows of this table share: 100 labels of the 9,000 training images of 10,000 digits, the MNIST networks of Salimans et al. 2016, and a run short
# enough for a processor's minutes: a third of the learning rate, and test weights averaged faster. DATA is the folder that holds torchvision's MNIST (DATA/MNIST/raw).
. exps/env.sh
SHARED="--trainer=trainers/semi_supervised.py --iterator=iterators/semi.py --iterator_args base=iterators/mnist.py root=${DATA:-data} download=False
  labels_per_class=10 label_seed=${LABEL_SEED:-0} --network=networks/semi_mnist.py --batch_size=100 --z_dim=100 --z_dist=uniform --lr=1e-3
  --beta1=0.5 --fm_form=mean_squared --disc_ema=0.995 --epochs=50 --save_every=0 --save_images_every=10 --threads=1 --resume=auto"
