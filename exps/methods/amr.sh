# Adversarial mixup resynthesis (AMR) and what it is compared with: Beckham et al. 2019, scripts of the
# released code. Protocol of its tables: accuracy of a linear probe trained beside the model, for as many
# epochs as the row has (dSprites: the FactorVAE metric, whose code skipped a factor; see docs/amr.md).
AMR_ADAM="--batch_size=64 --lr=1e-4 --beta1=0.5 --beta2=0.99"
# images of 32x32: weight decay, and one step of the autoencoder in five of the discriminator
AMR="$AMR_ADAM --weight_decay=1e-5 --update_g_every=5 --network=networks/autoencoder32.py
  --save_every=20 --save_images_every=20 --keep_last=2 --resume=auto"

# The methods, to which a row adds its weight of the reconstruction, --lamb. ACAI is as in AMR's code.
# "Bernoulli mixup" is two distributions there, and so here: of 2 codes fm2, whose p ~ U(0, 1) is one for the
# whole batch (its scripts mixupfm2); of 3 codes fm, where each channel comes from any of the three alike
# (gan3fm). BERN3 with --mixer=fm2 draws one vector of three probabilities for the batch instead.
PLAIN="--trainer=trainers/autoencoder.py"
BASELINE="--trainer=trainers/amr.py --disable_mix --beta=0"
MIX="--trainer=trainers/amr.py --mixer=mixup --beta=0"
MIXUP="$MIX --k=2" MIXUP3="$MIX --k=3" MIXUP4="$MIX --k=4" MIXUP6="$MIX --k=6" MIXUP8="$MIX --k=8"
BERN="--trainer=trainers/amr.py --mixer=fm2 --k=2 --beta=0"
BERN3="--trainer=trainers/amr.py --mixer=fm --k=3 --beta=0"
ACAI="--trainer=trainers/acai.py --beta=0"
ACAI_MSE="$ACAI --gan_loss=mse"

# The data, with the images that are held out for the probe.
AMR_MNIST="$MNIST --iterator_args size=32 valid=10000"
AMR_KMNIST="$KMNIST --iterator_args size=32 valid=10000"
AMR_SVHN="$SVHN --iterator_args valid=7326"
AMR_CIFAR10="$CIFAR10 --iterator_args valid=10000"
