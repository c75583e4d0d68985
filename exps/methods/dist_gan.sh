# Dist-GAN (Tran et al. 2018), and with the self-supervised tasks SS and MS (Tran et al. 2019), by the
# settings of tntrung/msgan. A step is an iteration: three updates, each on 64 images of its own, so
# --batch_size is 192.
DIST_GAN="--trainer=trainers/dist_gan.py --batch_size=192"

# The tasks. SS: D classifies rotations. MS: generated images are a fifth class, and G matches.
SS="--network_args classes=4 --self_supervised=ss"
MS="--network_args classes=5 --self_supervised=ms"

# The networks. RESNET: hinge loss, Adam 1e-4 (0, 0.9) to the middle of the run, then linearly to 0.
# SNCNN: hinge loss, and DCGAN: log loss, Adam 2e-4 (0.5, 0.9) throughout.
SETTING="$DIST_GAN --z_dim=128 --z_dist=uniform --max_steps=300000 --save_every=0 --save_every_steps=10000
  --keep_last=2 --keep_every=50000 --save_images_every=20 --log_every=100 --resume=auto"
RESNET="$SETTING --network=networks/dist_gan_resnet.py --lr=1e-4 --beta1=0 --beta2=0.9 --lr_schedule=half
  --loss=hinge --weights=moving"
CNN="$SETTING --lr=2e-4 --beta1=0.5 --beta2=0.9"
SNCNN="$CNN --network=networks/dist_gan_sncnn.py --loss=hinge --weights=moving"
DCGAN="$CNN --network=networks/dist_gan_dcgan.py --loss=log --weights=fixed"

# Networks with a task and its weights. STL-10's rows have other weights.
RESNET_SS="$RESNET $SS --lambda_d=0.5" RESNET_MS="$RESNET $MS --lambda_d=0.5 --lambda_g=0.1"
SNCNN_SS="$SNCNN $SS --lambda_d=1" SNCNN_MS="$SNCNN $MS --lambda_d=1 --lambda_g=0.01"
DCGAN_SS="$DCGAN $SS --lambda_d=1" DCGAN_MS="$DCGAN $MS --lambda_d=1 --lambda_g=0.1"

# what mdistgan_cifar10.sh and mdistgan_cifar10_port.sh share of the PyTorch port's settings
PORT="--lambda_p=1 --penalty_norm=l2 --scale=unit --ae_optimisers=two --seed=12345 --keep_every=0
  --save_images_every=3"
