#!/bin/sh
# MS-Dist-GAN on CIFAR-10 with settings of the PyTorch port (rmermin/msgan.pytorch): d 128, widths 256, 128,
# 256; reconstruction and latent-data distance by two optimisers; its penalty. Differs from the port: the
# networks are the official code's; E alone in the autoencoder's step, Phi(x_r) in its distance and softmax
# classes, where the port has E and G, Phi(x) and sigmoids (all of them: mdistgan_cifar10_port.sh).
# Published (readme of the port): FID 26.76 at 100,000 iterations, then flat; 10,000 generated, test
# statistics. The paper's number is that of dist_gan/cifar10_resnet_ms.sh.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
exec $LAUNCH task_launcher.py --name=mdistgan_cifar10 $RESNET_MS $CIFAR10 $PORT "$@"
