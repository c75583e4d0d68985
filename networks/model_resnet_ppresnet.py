"""A pre-activation residual block to 16 maps before model_resnet's D, and its output as the hidden state to mix (GAN
mixup, networks/model_resnet_ppresnet.py). Pixels do pass a ReLU in that block's residual branch.

Options: those of resnet.get_network. Differs from the original: as model_resnet_preproc.
"""

import functools

from networks import resnet

get_network = functools.partial(resnet.get_network, pre="block")
