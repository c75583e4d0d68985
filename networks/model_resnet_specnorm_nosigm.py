"""GAN mixup's networks/model_resnet_specnorm_nosigm.py, for the hinge loss.

Options: those of resnet.get_network. The original is model_resnet_specnorm without a sigmoid; ours is in the
loss, so this file equals model_resnet_specnorm.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, spec_norm=True)
