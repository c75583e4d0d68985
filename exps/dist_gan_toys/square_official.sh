#!/bin/sh
# 2-D toy, SQUARE: Dist-GAN with the original's settings, reconstructions labelled generated, as its code has them. Labelled real, as in the paper: --official_quirks
# Published (Tran et al. 2018): number not found. Protocol of tntrung/gan, distgan_toy2d: 2,000 samples, registered within 2.83 sigma, a mode covered by 20; here 2,500 samples.
set -eu; cd "$(dirname "$0")/../.."; . exps/dist_gan_toys/common.sh
exec $LAUNCH task_launcher.py $OFFICIAL --name=dist_gan_toys/square_official --iterator_args layout=square --official_quirks recon_fake "$@"
