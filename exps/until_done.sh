#!/bin/sh
# until_done.sh SCRIPT [flags]: runs a script of exps/ again as long as it exits with 75 (interrupted,
# resumable). A signal to this shell goes to the run; when the run has saved and ended, the loop ends.
set -u
[ -f "${1:-}" ] || { echo "usage: $0 SCRIPT [flags]" >&2; exit 2; }
stop=
trap 'stop=1; kill -TERM "$child" 2>/dev/null' INT TERM USR1 USR2
while :; do
  sh "$@" & child=$!
  wait "$child"; code=$?
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  [ "$code" -eq 75 ] && [ -z "$stop" ] || exit "$code"
done
