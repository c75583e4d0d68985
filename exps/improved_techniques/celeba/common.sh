# CelebA, the middle 108x108 of the aligned images resized to 64x64. Nothing is downloaded: the files must lie
# in the data's folder celeba (see iterators/celeba.py).
# Scores: --mode=evaluate --at=all --metrics fid --protocol=10k-test, FID where the Inception weights are
# (docs/evaluation.md).
. "$(dirname "$0")/../common.sh"
TABLE="$TABLE $CELEBA --iterator_args size=64 crop=108"
