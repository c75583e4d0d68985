# Regularisers of a GAN, each by the constants of its paper or of its authors' code (docs/arena.md).
PIXEL="--mixup=pixel"
HIDDEN="--mixup=hidden"
DIFFAUGMENT="--diffaugment color translation cutout"  # with few images; translation cutout with all of them
ADA="--ada=bgc"
APA="--apa"
LECAM="--penalty lecam=0.3"
TOP_K="--top_k=0.5"
RPGAN="--loss=rpgan --penalty r1=0.05 r2=0.05"

# R3GAN (Huang et al. 2024): its objective and network; what changes with the images seen is a table's
R3GAN="--network=networks/r3gan.py --loss=rpgan --z_dim=64 --beta1=0.0 --beta2=0.9 --lr=2e-4"
