#!/bin/sh
# Sets up like exps/quickstart.sh, runs ruff (lint and format) over the tracked files, then the tests,
# TEST_PROCESSES at a time (2).
# Arguments go to pytest: -m slow for the long tests, a path for some of them.
set -eu; cd "$(dirname "$0")/.."
. exps/env.sh
install requirements.txt tests/requirements.txt
# without git (an unpacked archive) ruff walks the folder itself
tracked() { if git rev-parse --git-dir > /dev/null 2>&1; then git ls-files -z '*.py'; else printf '.\0'; fi; }
tracked | xargs -0 "$PYTHON" -m ruff check --quiet
tracked | xargs -0 "$PYTHON" -m ruff format --check || {
  echo "ruff format: run '$PYTHON -m ruff format .'" >&2; exit 1; }
exec "$PYTHON" -m pytest tests -q -n "${TEST_PROCESSES:-2}" --dist worksteal "$@"
