"""What a run is worth: metrics, modes of restored runs, reports on many runs; `python -m eval.<command>`."""

import os
import sys

# `python -m` looks into the working folder first, where a user's own folder may be called engine or networks
_PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if sys.path[0] != _PROJECT:
    sys.path.insert(0, _PROJECT)
