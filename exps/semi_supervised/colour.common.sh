# Flags that the CIFAR-10 and SVHN rows share, those of openai/improved-gan: batches of 100 labelled, 100 unlabelled and 100 generated images, Adam 3e-4
# (0.5, 0.999), constant for two thirds of 1,200 epochs (SVHN: 900, and a D 64 wide in place of 96) and then linear to 0, test weights averaged with rate 1e-4.
. exps/env.sh
SHARED="--trainer=trainers/semi_supervised.py --network=networks/semi_cifar10.py --batch_size=100 --z_dim=100 --z_dist=uniform --lr=3e-4 --beta1=0.5
  --lr_schedule=linear --lr_hold=0.6666666666666666 --disc_ema=0.9999 --epochs=1200 --save_every=20 --save_images_every=20
  --keep_last=2 --resume=auto"
