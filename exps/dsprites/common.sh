# Table 4 of Beckham et al. 2019: dSprites, rendered here, a code of 10 dimensions, no weight decay.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh; . exps/methods/amr.sh
TABLE="$AMR_ADAM $DSPRITES --network=networks/dsprites.py --recon_loss=bce_sum --cls_probe=none --lamb=1
  --save_every=5 --save_images_every=1 --keep_last=2 --resume=auto"
# the original's code averages over the 10 dimensions, so that its beta is ten times ours
BETA_VAE="--trainer=trainers/beta_vae.py --network_args vae=True --beta1=0.9"
