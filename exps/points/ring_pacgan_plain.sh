#!/bin/sh
# The ring of 8 with PacGAN's plain GAN: its networks and settings.
# Differs from the code: G's step comes before D's, with noise of its own (there: after it, on the same
# noise).
# Published (PacGAN, Lin et al. 2018, Table 1, GAN; mean of trials, 2,500 samples, 3 sigma): modes 6.3,
# high quality 98.2%, reverse KL 0.45.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=points/ring_pacgan_plain $PACGAN $PAC1 --iterator_args layout=ring "$@"
