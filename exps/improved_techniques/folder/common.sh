# Images of your own (the README's: Danbooru2019): those of FOLDER, a folder or a zip, by default the data's
# folder danbooru; at 64x64, the shorter side resized and the middle taken. --iterator_args crop=N first takes
# the middle N x N.
# Scores: --mode=evaluate --at=all --metrics fid is --protocol=10k-train.
. "$(dirname "$0")/../common.sh"
TABLE="$TABLE $IMAGES --iterator_args size=64 channels=3"
root="${FOLDER:-$DATA/danbooru}"
case " $* " in *" --iterator="* | *" root="*) named=1 ;; *) named= ;; esac
if [ -z "$named" ] && [ ! -e "$root" ]; then
  echo "FOLDER: $root does not exist; use FOLDER=PATH, a folder or a zip of images" >&2
fi
set -- --iterator_args root="$root" "$@"
