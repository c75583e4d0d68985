"""Scores of two sets of images: python -m eval.folder REAL GENERATED; see docs/evaluation.md."""

import sys

from eval.metrics.folder import command_line

if __name__ == "__main__":
    sys.exit(command_line())
