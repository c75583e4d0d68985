#!/bin/sh
# MS-Dist-GAN on CIFAR-10 with the settings of the PyTorch port (rmermin/msgan.pytorch): d 128, widths 256,
# 128, 256; reconstruction and latent-data distance have two optimisers. As in tntrung/msgan, the
# autoencoder's step updates E only, its distance has Phi(x_r), and classes have a softmax. The port has E and
# G, Phi(x) and sigmoids: --ae_updates=enc+gen --reg_features=real --official_quirks one_hot_bce.
# Published (readme of the port): FID 26.76 at 100,000 iterations, then flat; 10,000 generated, test
# statistics. The paper's number is that of dist_gan/cifar10_resnet_ms.sh.
set -eu; cd "$(dirname "$0")/.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/dist_gan.sh
exec $LAUNCH task_launcher.py --name=mdistgan_cifar10 $RESNET_MS $CIFAR10 --lambda_p=1 --penalty_norm=l2 \
  --scale=unit --ae_optimisers=two --seed=12345 --keep_every=0 --save_images_every=3 "$@"
