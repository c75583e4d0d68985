"""model_resnet_old with spectral normalisation of every layer of D.

GAN mixup, networks/model_resnet_old_specnorm.py. Options: those of resnet.get_network.
Differs from the
original: the sigmoid is in the loss; one power iteration an update, in training mode only.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, bypass="identity", hidden="pooled", spec_norm=True)
