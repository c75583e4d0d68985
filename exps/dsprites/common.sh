# Flags that the rows of this table share (Beckham et al. 2019, scripts of the released code): 10 code dimensions, no weight decay, Adam 1e-4.
# The images are rendered here; --iterator_args npz=FILE takes the published ones.
. exps/env.sh
SHARED="--iterator=iterators/dsprites.py --network=networks/dsprites.py --recon_loss=bce_sum --cls_probe=none
  --batch_size=64 --lr=1e-4 --beta1=0.5 --beta2=0.99 --lamb=1
  --save_every=5 --save_images_every=1 --keep_last=2 --resume=auto"
