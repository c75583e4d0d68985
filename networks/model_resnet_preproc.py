"""model_resnet with a 3x3 convolution to 16 maps before D (GAN mixup, networks/model_resnet_preproc.py).

The convolution's output is the hidden state to mix.

Options: those of resnet.get_network.
Differs from the original: the sigmoid is in the loss; mixing takes the
whole batch, where the original mixed its first real and first fake example only (it indexed the tensor as a
tuple of layers).
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, pre="conv")
