# CycleGAN (Zhu et al. 2017). DIGITS: MNIST's digits and coloured digits.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
CYCLEGAN="--trainer=trainers/cyclegan.py --beta1=0.5 --beta2=0.999 --resume=auto"
DIGITS="$CYCLEGAN $COLOUR_MNIST --network=networks/cyclegan_mnist.py"
