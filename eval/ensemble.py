"""Test errors of ensembles of semi-supervised runs: python -m eval.ensemble RUN RUN ..."""

import sys

from eval.reports.ensemble import main

if __name__ == "__main__":
    sys.exit(main())
