"""One HTML page on many runs: python -m eval.report results/ -o report.html; see docs/tables.md."""

import sys

from eval.reports.page import main

if __name__ == "__main__":
    sys.exit(main())
