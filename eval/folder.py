"""Scores of two sets of images made by anyone: python -m eval.folder REAL GENERATED; see docs/evaluation.md."""

import sys

from eval.metrics.folder import command_line

if __name__ == "__main__":
    sys.exit(command_line())
