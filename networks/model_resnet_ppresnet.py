"""model_resnet with a pre-activation residual block to 16 maps before D.

GAN mixup, networks/model_resnet_ppresnet.py. The block's output is the hidden state to mix. Raw pixels pass a
ReLU in its residual branch.

Options: those of resnet.get_network.
Differs from the original: as model_resnet_preproc.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, pre="block")
