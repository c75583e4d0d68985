#!/bin/sh
# The GAN of SSGAN's networks without rotations, on STL-10 at 48x48.
# Published (kwotsin/mimicry, 50k-50k): FID 39.56 +/- 0.10, IS 8.04 +/- 0.07, KID 0.0369 +/- 0.0002.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/stl10_sngan $STL $SNGAN "$@"
