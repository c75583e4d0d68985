# Semi-supervised learning (Salimans et al. 2016; openai/improved-gan): batches of 100 labelled, 100
# unlabelled and 100 generated images. LABEL_SEED draws the labelled images; the paper's +/- is over 10 such
# draws.
SEMI="--trainer=trainers/semi_supervised.py $FEW_LABELS --batch_size=100 --z_dim=100 --z_dist=uniform
  --beta1=0.5 --resume=auto"
SEMI_MNIST="$SEMI --iterator_args base=iterators/mnist.py --network=networks/semi_mnist.py
  --fm_form=mean_squared"
