#!/bin/sh
# The GAN of SSGAN's networks without rotations, on STL-10 at 48x48.
# Published (kwotsin/mimicry): FID 39.56, IS 8.04.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/stl10_sngan $TABLE $STL10 $SNGAN "$@"
