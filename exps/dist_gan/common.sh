# Flags that the experiments of Dist-GAN, SS-Dist-GAN and MS-Dist-GAN share: tntrung/msgan's settings. Each update has 64 images of its own, so --batch_size is
# three times that; steps are iterations. RESNET: Adam 1e-4 (0, 0.9), to N/2, then linearly to 0; CNN (DCGAN and SN-CNN): 2e-4 (0.5, 0.9) throughout.
. exps/env.sh
DIST_GAN="--trainer=trainers/dist_gan.py --batch_size=192 --z_dist=uniform --max_steps=300000 --save_every=0 --save_every_steps=10000 --keep_last=2 --keep_every=50000
  --save_images_every=20 --log_every=100 --resume=auto"
RESNET="$DIST_GAN --network=networks/dist_gan_resnet.py --z_dim=128 --lr=1e-4 --beta1=0 --beta2=0.9 --lr_schedule=half --loss=hinge --weights=moving"
SNCNN="$DIST_GAN --network=networks/dist_gan_sncnn.py --z_dim=128 --lr=2e-4 --beta1=0.5 --beta2=0.9 --loss=hinge --weights=moving"
DCGAN="$DIST_GAN --network=networks/dist_gan_dcgan.py --z_dim=128 --lr=2e-4 --beta1=0.5 --beta2=0.9 --loss=log --weights=fixed"
