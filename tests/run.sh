#!/bin/sh
# Sets up like exps/quickstart.sh and runs the tests; TEST_PROCESSES at a time (2); arguments go to pytest (-m slow for the long ones).
set -eu; cd "$(dirname "$0")/.."
. exps/env.sh
install requirements.txt tests/requirements.txt
exec "$PYTHON" -m pytest tests -q -n "${TEST_PROCESSES:-2}" --dist worksteal "$@"
