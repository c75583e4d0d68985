"""Experiments crossed with flags and seeds; exps/grid.sh calls it: see docs/running.md."""

import sys

from eval.reports.grid import main

if __name__ == "__main__":
    sys.exit(main())
