"""A band of an experiment's runs, to see whether the next run is on track: python -m eval.bands results/NAME;
see docs/tables.md."""

import sys

from eval.reports.bands import main

if __name__ == "__main__":
    sys.exit(main())
