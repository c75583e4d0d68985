# Regularisers of a GAN, each by the constants of its paper or of its authors' code (docs/arena.md).
PIXEL="--mixup=pixel"
HIDDEN="--mixup=hidden"
DIFFAUGMENT="--diffaugment color translation cutout"  # with few images; translation cutout with all of them
ADA="--ada=bgc"
APA="--apa"
LECAM="--penalty lecam=0.3"
TOP_K="--top_k=0.5"
CUTMIX="--mixup=pixel --mixup_form=cutmix --alpha=1"
SMOOTHMIX="--mixup=pixel --mixup_form=smoothmix --alpha=1"
ADAPTIVEMIX="--mixup=2 --mixup_form=adaptive --alpha=1"
CR="--penalty cr=10"
BCR="--penalty bcr=10"
ZCR="--penalty zcr=20 --g_penalty zcr=0.5"
ICR="$BCR $ZCR"
FSMR="--penalty fsmr=1"
INFOMAX="--network=networks/infomax.py --penalty infomax=0.2 --g_penalty infomax=0.2"
UNET="--network=networks/unet.py $CUTMIX --mixup_fold=off --penalty unet=1 unet_mix=1 --g_penalty unet=1"
LA="--trainer=trainers/ssgan.py --network=networks/ssgan.py --network_args classes=8 --self_supervised=la"
RPGAN="--loss=rpgan --penalty r1=0.05 r2=0.05"

# R3GAN (Huang et al. 2024): its objective and network; what changes with the images seen is a table's
R3GAN="--network=networks/r3gan.py --loss=rpgan --z_dim=64 --beta1=0.0 --beta2=0.9 --lr=2e-4"
