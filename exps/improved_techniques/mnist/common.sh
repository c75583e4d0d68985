# MNIST at 32x32, batch 64 (the base code of the README's experiments); Adam's betas are DCGAN's. Nothing is
# downloaded.
# Scores: --mode=evaluate --at=all --metrics fid is modes --extractor=classifier --protocol=10k-test.
. "$(dirname "$0")/../common.sh"
TABLE="$TABLE $MNIST --iterator_args size=32 download=False --batch_size=64"
