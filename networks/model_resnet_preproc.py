"""A 3x3 convolution to 16 maps before model_resnet's D, and its output as the hidden state to mix (GAN mixup,
networks/model_resnet_preproc.py).

Options: those of resnet.get_network. Differs from the original: the sigmoid lives in the loss; mixing takes the whole batch,
where the original mixed its first real and first fake example only (it indexed the tensor as a tuple of layers).
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, pre="conv")
