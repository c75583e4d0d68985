# The techniques of Salimans et al. 2016 on DCGAN. KERNELS, which a table sets before: those of minibatch
# discrimination, as in 100x5, 100 kernels of 5 dimensions.
IMPROVED="--network=networks/dcgan.py --z_dist=uniform --beta1=0.5 --resume=auto"

FEATURE_MATCHING="--g_loss=feature_matching"  # section 3.1
MINIBATCH="--network_args minibatch_disc=$KERNELS"  # section 3.2
HISTORICAL="--historical_averaging=1"  # section 3.3
SMOOTHING="--real_label=0.9"  # section 3.4
VBN="--network_args norm=vbn"  # section 3.5
# all five; G minimises its adversarial loss and feature matching
ALL="$MINIBATCH $VBN --g_loss=mixed --fm_form=absolute $HISTORICAL $SMOOTHING"
