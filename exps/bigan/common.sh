# BiGAN on MNIST without spatial structure (Donahue et al. 2017): codes of 50 dimensions, batches of 128. The
# authors' losses are means of two terms and ours are sums, so their weight decay of 2.5e-5 is 5e-5 here.
# --mode=encoder scores the 10,000 test digits.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
TABLE="--trainer=trainers/bigan.py $MNIST --iterator_args valid=10000 --network=networks/bigan_mnist.py
  --z_dim=50 --batch_size=128 --lr=2e-4 --beta1=0.5 --beta2=0.999 --weight_decay=5e-5 --keep_last=2
  --resume=auto"
