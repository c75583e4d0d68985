"""Fetches the Inception weights: python -m eval.prepare, on a machine with a network."""

import sys

from eval.metrics.prepare import command_line

if __name__ == "__main__":
    sys.exit(command_line())
