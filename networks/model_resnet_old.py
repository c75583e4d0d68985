"""GAN mixup's networks/model_resnet_old.py.

Identity bypasses in stride-1 blocks; the pooled vector is the hidden state.
Options: those of resnet.get_network.
Differs from the original: the sigmoid is in the loss; the hidden state
is mixed example by example, where the original took its first rows for layers.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, bypass="identity", hidden="pooled")
