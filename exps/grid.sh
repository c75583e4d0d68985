#!/bin/sh
# grid.sh SCRIPT [flag=value,value ...] [seeds=0-2] [flags]: a script of exps/ with flags crossed with their
# values and seeds. Says what will run and how long it may take, runs what is not finished, prints the table.
# sh exps/grid.sh --help, and docs/running.md.
set -eu
script=${1:-}
case "$script" in "" | -* | /*) ;; *) script="$PWD/$script"; shift; set -- "$script" "$@" ;; esac
cd "$(dirname "$0")/.."; . exps/env.sh
exec "$PYTHON" -m eval.grid "$@"
