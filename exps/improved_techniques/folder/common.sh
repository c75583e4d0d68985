# Flags that the rows of this table share: the images below FOLDER (a folder or a zip; by default data/danbooru) at 64x64, the shorter side resized and the
# middle taken; --iterator_args crop=N first takes the middle N x N. DCGAN's widths, batch 128. Samples of each epoch are in <run>/samples.
# Scores: --mode=evaluate --at=all --metrics fid is --protocol=10k-train.
. exps/env.sh
SHARED="--iterator=iterators/images.py --iterator_args root=${FOLDER:-data/danbooru} size=64 channels=3 --network=networks/dcgan.py --network_args width=128
  --batch_size=128 --z_dim=100 --z_dist=uniform --lr=2e-4 --beta1=0.5 --epochs=25 --save_every=5 --save_images_every=1 --resume=auto"
