#!/bin/sh
# WGAN-GP on CIFAR-10, the course homework's networks, 25,000 steps of the CRITIC (5,000 of the generator): the other reading of "25,000 gradient steps".
# Published: 7.28 with a CIFAR-10 classifier of 10 classes, as in homework.sh; which reading it belongs to is not stated.
set -eu; cd "$(dirname "$0")/../.."; . exps/wgan_gp/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=wgan_gp/homework_25k_critic --network_args variant=homework --batch_size=256 --max_steps=25000 "$@"
