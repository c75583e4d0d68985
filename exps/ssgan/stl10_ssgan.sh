#!/bin/sh
# SSGAN on STL-10 at 48x48: SN-ResNet and rotations. Published (kwotsin/mimicry): FID 37.06, IS 8.25.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=ssgan/stl10_ssgan $TABLE $STL10 $SSGAN "$@"
