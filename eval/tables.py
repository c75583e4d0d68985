"""Tables over the seeds of many runs: python -m eval.tables results/; see docs/tables.md."""

import sys

from eval.reports.tables import main

if __name__ == "__main__":
    sys.exit(main())
