"""GAN mixup's networks/model_resnet_nosigm.py, for wgan and hinge losses without spectral normalisation.

Options: those of resnet.get_network. The original is model_resnet without a sigmoid; ours is in the loss, so
this file equals model_resnet.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network)
