#!/bin/sh
# A plain autoencoder, MNIST, code of 32, no adversary; as many of its steps as the others make.
# Published: no row of the paper.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=mnist_downstream/plain $TABLE $PLAIN --lamb=10 --epochs=2000 "$@"
