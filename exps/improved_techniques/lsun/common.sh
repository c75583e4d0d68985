# Flags that the rows of this table share: LSUN bedrooms at 64x64 (shorter side, then the middle), DCGAN's widths, batch 128. Nothing is downloaded:
# bedroom_train_lmdb must lie in DATA_DIR (see iterators/lsun.py; its first start decodes 3 million images). An epoch is 23,696 steps; samples of
# epochs 1 and 10, and of all others, are in <run>/samples. Scores: --mode=evaluate --at=all --metrics fid is --protocol=50k-train.
. exps/env.sh
SHARED="--iterator=iterators/lsun.py --iterator_args classes=bedroom size=64 --network=networks/dcgan.py --network_args width=128
  --batch_size=128 --z_dim=100 --z_dist=uniform --lr=2e-4 --beta1=0.5 --epochs=10 --save_every=1 --save_images_every=1 --resume=auto"
