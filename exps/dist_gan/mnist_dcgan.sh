#!/bin/sh
# Dist-GAN on MNIST, DCGAN, log loss; the autoencoder's step updates the generator too.
# Published: number not found.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan/common.sh
exec $LAUNCH task_launcher.py $DCGAN --name=dist_gan/mnist_dcgan --iterator=iterators/mnist.py --z_dim=100 --ae_updates=enc+gen --max_steps=100000 "$@"
