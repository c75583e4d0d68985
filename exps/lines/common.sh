# The lines of Berthelot et al. 2018 (ACAI), with the settings of its code: 32x32, a code of 2x2x16, no norm,
# LeakyReLU 0.2, Adam 1e-4 (0.9, 0.999), 16,777,216 lines in batches of 64, every one drawn afresh.
# Scores: --mode=lines.
cd "$(dirname "$0")/../.."; . exps/env.sh; . exps/data_sets.sh
TABLE="$LINES --network=networks/autoencoder32.py
  --network_args code=64 scales=4 norm=None spec_norm=False slope=0.2 --recon_loss=l2
  --batch_size=64 --lr=1e-4 --beta1=0.9 --beta2=0.999 --max_steps=262144
  --save_every=20 --save_images_every=20 --keep_last=2 --log_every=500 --resume=auto"
