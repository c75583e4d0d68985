#!/bin/sh
# ensemble.sh SCRIPT FIRST-LAST MEMBERS [flags]: ensembles of a semi-supervised script over label splits. For
# each split of FIRST-LAST, MEMBERS networks are trained, one after the other, and their class probabilities
# on the test images averaged; python -m eval.ensemble then prints the errors. Interrupted runs go on, and
# finished ones are not trained again. Salimans et al. 2016: 0-9 10.
set -eu
case "${2:-}:${3:-}" in
  *[!0-9:-]* | *: | :* | -* | *-:* | *-*-*)
    echo "usage: $0 SCRIPT FIRST-LAST MEMBERS [flags], as in $0 exps/semi_supervised/mnist100.sh 0-9 10" >&2
    exit 2 ;;
esac
[ -f "$1" ] || { echo "$0: no script $1; use one of exps/semi_supervised/" >&2; exit 2; }
script=$1 first=${2%-*} last=${2#*-} members=$3; shift 3
here=$(cd "$(dirname "$0")" && pwd)
folders=$(mktemp); trap 'rm -f "$folders"' EXIT
split=$first
while [ "$split" -le "$last" ]; do
  member=0
  while [ "$member" -lt "$members" ]; do
    seed=$((split * members + member))
    echo "== $script, label split $split, --seed=$seed"
    LABEL_SEED=$split sh "$here/until_done.sh" "$script" "$@" --seed="$seed"
    LABEL_SEED=$split sh "$script" "$@" --seed="$seed" --mode=predict | tee -a "$folders"
    member=$((member + 1))
  done
  split=$((split + 1))
done
# the runs' folders, from the lines "...: <run>/predict/step<step>.npz"
set --
while IFS= read -r line; do
  case "$line" in *": "*/predict/step*.npz) file=${line#*: }; set -- "$@" "${file%/predict/*}" ;; esac
done < "$folders"
cd "$here/.."; . exps/env.sh
"$PYTHON" -m eval.ensemble "$@"
