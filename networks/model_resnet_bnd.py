"""model_resnet with batch norm after each 3x3 convolution of D (GAN mixup, networks/model_resnet_bnd.py).

Identity bypasses in stride-1 blocks. Real, fake and mixed batches are normalised each by its own statistics,
so an example's logit depends on its batch. Options: those of resnet.get_network.
Differs from the original:
every block's output can be mixed, not the first two only.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, norm="batch", bypass="identity")
