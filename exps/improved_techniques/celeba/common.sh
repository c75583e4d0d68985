# Flags that the rows of this table share: CelebA, the middle 108x108 of the aligned images resized to 64x64, DCGAN's widths, batch 128. Nothing is
# downloaded: the files must lie in DATA_DIR/celeba (see iterators/celeba.py). Samples of each epoch are in <run>/samples. Scores:
# --mode=evaluate --at=all --metrics fid --protocol=10k-test, which are FID where the Inception weights are (docs/evaluation.md).
. exps/env.sh
SHARED="--iterator=iterators/celeba.py --iterator_args size=64 crop=108 --network=networks/dcgan.py --network_args width=128
  --batch_size=128 --z_dim=100 --z_dist=uniform --lr=2e-4 --beta1=0.5 --epochs=25 --save_every=5 --save_images_every=1 --resume=auto"
