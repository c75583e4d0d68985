"""model_resnet with spectral normalisation, for the baseline and pixel mixup.

GAN mixup, networks/model_resnet_specnorm.py. Options: those of resnet.get_network.
Differs from the original:
the sigmoid is in the loss; the 1x1 bypasses of stride-1 blocks are normalised too, without which D is not
1-Lipschitz by construction (sn_bypass=False is the original); one power iteration an update, in training mode
only.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, spec_norm=True)
