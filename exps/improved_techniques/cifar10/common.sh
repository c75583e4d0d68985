# Table 3 of Salimans et al. 2016: Inception scores on CIFAR-10, all techniques but feature matching and
# historical averaging, and what is left without each. ALL: all 50,000 labels, minibatch discrimination, label
# smoothing, virtual batch norm; G minimises the saturating loss in three steps for one of D. Differs from the
# paper: the code of this table is not public; networks and training are those of the public CIFAR-10 code
# with minibatch discrimination (train_cifar_minibatch_discrimination.py), which has neither virtual batch
# norm nor smoothing.
# Scores: --mode=evaluate --metrics is --protocol=50k-train.
cd "$(dirname "$0")/../../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/semi_supervised.sh
COMMON="--network=networks/semi_cifar10.py --network_args perturb=noise norm=vbn minibatch_disc=100x5
  --g_loss=adversarial --loss=minimax --g_steps=3 --real_label=0.9 --lr=3e-4 --lr_schedule=linear
  --epochs=1200 --save_every=20 --save_images_every=20 --keep_last=2"
LABELLED="$SEMI --iterator_args base=iterators/cifar10.py labels_per_class=5000 $COMMON
  --lr_hold=0.6666666666666666 --disc_ema=0"
# without labels D has one logit, and the learning rate falls throughout
UNLABELLED="$CIFAR10 --iterator_args download=False --batch_size=100 --z_dim=100 --z_dist=uniform
  --beta1=0.5 --resume=auto $COMMON --network_args labels=False"
