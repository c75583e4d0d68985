"""model_resnet_preproc with spectral normalisation (GAN mixup, networks/model_resnet_specnorm_preproc.py).

Options: those of resnet.get_network.
Differs from the original: as model_resnet_preproc and
model_resnet_specnorm; the preprocessing convolution is normalised too (sn_pre=False, sn_bypass=False is the
original).
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, pre="conv", spec_norm=True)
