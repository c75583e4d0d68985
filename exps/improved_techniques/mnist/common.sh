# Flags that the rows of this table share: MNIST at 32x32, DCGAN of width 128, batch 64 (the base code of the README's experiments); Adam's betas are
# DCGAN's. Nothing is downloaded: MNIST must lie in DATA_DIR (or data). Samples of each epoch, so of epochs 1 and 10 too, are in <run>/samples.
# Scores: --mode=evaluate --at=all --metrics fid is modes --extractor=classifier --protocol=10k-test.
. exps/env.sh
SHARED="--iterator=iterators/mnist.py --iterator_args size=32 download=False --network=networks/dcgan.py --network_args width=128
  --batch_size=64 --z_dim=100 --z_dist=uniform --lr=2e-4 --beta1=0.5 --epochs=25 --save_every=5 --save_images_every=1 --resume=auto"
