#!/bin/sh
# WGAN-GP on CIFAR-10, the course homework's networks, 25,000 steps of the CRITIC (5,000 of the generator):
# the other reading of "25,000 gradient steps".
# Differs from the README's code: the networks are the course's, and another classifier of 10 classes scores
# them; that code's own are in seed.sh.
# Published (the README; which reading: not stated): score-classifier 7.28.
set -eu; . "$(dirname "$0")/common.sh"
exec $LAUNCH task_launcher.py --name=wgan_gp/homework_25k_critic $TABLE \
  --network_args variant=homework --batch_size=256 --max_steps=25000 "$@"
