# Flags that the MNIST rows share, those of openai/improved-gan: batches of 100 labelled, 100 unlabelled and 100 generated images, Adam 3e-3 (0.5, 0.999)
# throughout 300 epochs, test weights averaged with rate 1e-4. Labelled images are drawn by label_seed: the paper's +/- is over 10 of them.
. exps/env.sh
SHARED="--trainer=trainers/semi_supervised.py --iterator=iterators/semi.py --iterator_args base=iterators/mnist.py download=False label_seed=${LABEL_SEED:-0}
  --network=networks/semi_mnist.py --batch_size=100 --z_dim=100 --z_dist=uniform --lr=3e-3 --beta1=0.5 --fm_form=mean_squared --disc_ema=0.9999
  --epochs=300 --save_every=20 --save_images_every=20 --keep_last=2 --resume=auto"
