"""The base of the residual family, without spectral normalisation (GAN mixup, networks/model_resnet.py).

Options: those of resnet.get_network.
Differs from the original: the sigmoid is in the loss, D gives logits;
every block's output can be mixed, not the first two only.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network)
