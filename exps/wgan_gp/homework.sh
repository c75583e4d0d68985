#!/bin/sh
# WGAN-GP on CIFAR-10, the course homework's networks, 25,000 steps of the GENERATOR (125,000 of the critic): one reading of "at least 25,000 gradient steps".
# Published: 7.28 with a CIFAR-10 classifier of 10 classes (real images 9.97; GoogLeNet, 1,000 samples, no splits; README of "Various GAN architectures in
# PyTorch", which is no Inception score); Inception scores of other WGAN-GPs stand in docs/wgan-gp.md.
set -eu; cd "$(dirname "$0")/../.."; . exps/wgan_gp/common.sh
exec $LAUNCH task_launcher.py $SHARED --name=wgan_gp/homework --network_args variant=homework --batch_size=256 --max_steps=125000 "$@"
