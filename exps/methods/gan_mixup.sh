# GAN mixup on CIFAR-10 (vikasverma1077/manifold_mixup, gan/): z of 62 dimensions, Adam 2e-4 (0, 0.999).
# Published numbers are those of that code's README. It does not state which Inception network and which real
# split were used. --dnorm_step=separate gives --dnorm's penalty an optimiser step of its own, as there.
GAN_MIXUP="--batch_size=64 --z_dim=62 --beta1=0.0 --resume=auto"
