"""Pictures of several runs beside one another: python -m eval.side_by_side RUN RUN --out compared.gif."""

import sys

from eval.reports.side_by_side import main

if __name__ == "__main__":
    sys.exit(main())
