"""What regularises parameters themselves."""

import torch
from torch import nn


def matrices(modules):
    """The parameters of the modules that are matrices or kernels, each [rows, ...]; embeddings left out."""
    parts = [part for module in modules for part in module.modules() if not isinstance(part, nn.Embedding)]
    found = {id(p): p for part in parts for p in part.parameters(recurse=False) if p.ndim > 1}
    return [p for p in found.values() if p.requires_grad]


def orthogonality(weights):
    """1/2 sum over W of |W W^T o (1 - I)|_F^2, a scalar; rows are of the first axis, the rest are columns.

    Its gradient is 2 (W W^T o (1 - I)) W. Brock et al. 2019, section 3.1: rows orthogonal, of any norm;
    weight 1e-4, of all but shared embeddings of classes. Differs from the authors' code: no embedding at all
    is in the sum.
    """
    total = 0
    with torch.autocast(weights[0].device.type, enabled=False):
        for weight in weights:
            rows = weight.flatten(1)
            products = rows @ rows.T
            total = total + (products - products.diag().diag()).square().sum() / 2
    return total


@torch.no_grad()
def clip(parameters, bound):
    """Cuts each parameter to [-bound, bound], in place. Arjovsky et al. 2017, Algorithm 1: 0.01 for a
    critic."""
    for parameter in parameters:
        parameter.clamp_(-bound, bound)
