# LSUN bedrooms at 64x64 (shorter side, then the middle). Nothing is downloaded: bedroom_train_lmdb must lie
# in the data's folder (see iterators/lsun.py; its first start decodes 3 million images). An epoch is 23,696
# steps.
# Scores: --mode=evaluate --at=all --metrics fid is --protocol=50k-train.
. "$(dirname "$0")/../common.sh"
TABLE="$TABLE $LSUN_BEDROOMS --iterator_args size=64 --epochs=10 --save_every=1"
