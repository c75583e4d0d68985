"""GAN mixup's networks/model_resnet_old.py: identity bypasses in stride-1 blocks, the pooled vector as the hidden state.

Options: those of resnet.get_network. Differs from the original: the sigmoid lives in the loss; the hidden state is mixed
example by example, where the original took its first rows for layers.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, bypass="identity", hidden="pooled")
