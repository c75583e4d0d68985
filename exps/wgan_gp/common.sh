# Flags that all scripts of this folder share: Adam 2e-4 (0, 0.9), penalty 10, one step of G in five of the critic, learning rate linearly to zero. A step is
# one of the critic; G's are those numbered 0, 5, 10, ...: a fifth of them, rounded up.
. exps/env.sh
SHARED="--loss=wgan --penalty gp=10 --update_g_every=5 --lr=2e-4 --beta1=0 --beta2=0.9 --lr_schedule=linear --z_dim=128 --z_dist=normal
  --network=networks/wgan_gp.py --iterator=iterators/cifar10.py --samples=100 --keep_last=2 --resume=auto"
