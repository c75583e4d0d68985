# "DCGAN" on CIFAR-10 as two public reproductions have it, whose FIDs are often quoted.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
TABLE="$CIFAR10 --network=networks/dcgan_cifar10.py --loss=jsgan --lr=2e-4 --lr_schedule=linear --save_every=0
  --save_every_steps=10000 --keep_last=2 --save_images_every=20 --log_every=500 --resume=auto"
