#!/bin/sh
# MS-Dist-GAN on CIFAR-10 as the PyTorch port has it (rmermin/msgan.pytorch): its networks; E and G in the
# autoencoder's steps, Phi(x) in the latent-data distance, sigmoids for classes. Differs from the port: each
# of a step's updates has images of its own (there: all the same 64), and a second forward pass where the port
# goes back twice through one.
# Published (readme of the port): FID 26.76 at 100,000 iterations, then flat; 10,000 generated, test
# statistics.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
exec $LAUNCH task_launcher.py --name=mdistgan_cifar10_port $RESNET_MS $CIFAR10 $PORT \
  --network_args port=True --ae_updates=enc+gen --reg_features=real --official_quirks one_hot_bce "$@"
