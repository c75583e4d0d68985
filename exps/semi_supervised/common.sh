# Semi-supervised learning (Salimans et al. 2016) with openai/improved-gan's settings. MNIST_TABLE: Adam 3e-3
# throughout 300 epochs. COLOUR: CIFAR-10 and SVHN, Adam 3e-4, constant for two thirds of 1,200 epochs (SVHN:
# 900) and then linear to 0. D's test weights are averaged with rate 1e-4.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/semi_supervised.sh
TABLE="--disc_ema=0.9999 --save_every=20 --save_images_every=20 --keep_last=2"
MNIST_TABLE="$SEMI_MNIST $TABLE --lr=3e-3 --epochs=300"
COLOUR="$SEMI $TABLE --network=networks/semi_cifar10.py --lr=3e-4 --lr_schedule=linear
  --lr_hold=0.6666666666666666 --epochs=1200"
CIFAR10_4000="$COLOUR --iterator_args base=iterators/cifar10.py labels_per_class=400"
FEATURE_MATCHING="--fm_form=absolute"
