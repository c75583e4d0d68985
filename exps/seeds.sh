#!/bin/sh
# seeds.sh SCRIPT FIRST-LAST [flags]: runs a script of exps/ once for each seed, one after the other.
# Interrupted runs are resumed.
set -eu
case "${2:-}" in
  *[!0-9-]* | "" | -* | *- | *-*-*)
    echo "usage: $0 SCRIPT FIRST-LAST [flags], as in $0 exps/quickstart.sh 0-4" >&2
    exit 2 ;;
esac
[ -f "$1" ] || { echo "$0: no script $1; use a script of exps/, such as exps/quickstart.sh" >&2; exit 2; }
script=$1 first=${2%-*} last=${2#*-}; shift 2
seed=$first
while [ "$seed" -le "$last" ]; do
  echo "== $script --seed=$seed"
  sh "$(dirname "$0")/until_done.sh" "$script" "$@" --seed="$seed"
  seed=$((seed + 1))
done
