"""DCGAN (Radford et al. 2016, arXiv 1511.06434), with options of Salimans et al. 2016.

The options are virtual batch norm and minibatch discrimination. For images of 28, 32, 64, 128 pixels, or any
sides that can be halved. networks/models_64x64.py is a pair with 5x5 kernels and instance norm.
Differs from the paper: 4x4 kernels, as in most code (there: 5x5); the sigmoid is in the loss.
"""

import itertools

from torch import nn

from networks.conditional import parts
from networks.layers import (
    ReferenceGenerator,
    VirtualBatchNorm,
    at_least,
    choice,
    image_shape,
    normal,
    normal_norm,
    spectral,
)
from networks.minibatch import MinibatchDiscrimination, sizes

GEN_NORMS, DISC_NORMS = ("batch", "vbn", None), ("batch", "instance", "layer", None)


def get_network(
    data_shape,
    n_classes,
    z_dim,
    width=128,
    depth=None,
    max_width=1024,
    norm="batch",
    disc_norm="batch",
    references=None,
    minibatch_disc=None,
    minibatch_form="paper",
    minibatch_self=None,
    spec_norm=False,
    slope=0.2,
    conditional=None,
):
    """Generator and discriminator of `depth` strided layers each.

    Their widths are width, 2 width, 4 width, ..., at most max_width, from the image inwards. depth: by
    default the sides are halved while they are even and above 7: 32 -> 4 in 3, 64 -> 4 in 4, 28 -> 7 in 2.
    Weights N(0, 0.02^2), norm scales N(1, 0.02^2), biases 0.
    gen: dense to the innermost maps; norm, ReLU, 4x4 transposed convolution of stride 2, `depth` times; tanh
    at the end. norm: batch (running statistics at sampling), vbn (virtual batch norm with a reference batch
    of `references`, by default 64), or None.
    disc: 4x4 convolutions of stride 2, each a stage with LeakyReLU of `slope`, with a norm from the second
    on. The last stage gives the logit from the flattened maps. disc_norm: batch, instance, layer (over a
    whole example), or None. spec_norm: spectral normalisation of all its layers. minibatch_disc: "100x5" puts
    minibatch discrimination with 100 kernels of 5 dimensions before the logit; minibatch_form,
    minibatch_self: see networks/minibatch.py. conditional: class batch norm in gen, whose scales start at 1,
    and D's last stage as networks/conditional.py has it; else n_classes is not used. data_shape: (C, H, W).
    Raises ValueError for sides that cannot be halved `depth` times, and for unknown options.
    """
    made = parts(conditional, n_classes)
    if conditional is not None and (norm != "batch" or minibatch_disc is not None):
        raise ValueError("conditional: use norm=batch, and no minibatch_disc")
    at_least(1, width=width, max_width=max_width)
    given = {"depth": depth, "references": references}
    at_least(1, **{name: value for name, value in given.items() if value is not None})
    if references is not None and norm != "vbn":
        raise ValueError("references: only valid with norm=vbn")
    if minibatch_disc is None and (minibatch_form != "paper" or minibatch_self is not None):
        raise ValueError("minibatch_form, minibatch_self: only valid with minibatch_disc, such as 100x5")
    channels, height, breadth = data_shape
    depth = depth or next(n for n in itertools.count(1) if _innermost(height, n) or _innermost(breadth, n))
    channels, height, breadth = image_shape(data_shape, 2**depth)
    choice("norm", norm, GEN_NORMS)
    choice("disc_norm", disc_norm, DISC_NORMS)
    widths = [min(max_width, width * 2**i) for i in range(depth)]  # from the image inwards
    start = (widths[-1], height >> depth, breadth >> depth)
    flat = start[0] * start[1] * start[2]
    sn = spectral if spec_norm else (lambda layer: layer)

    def gen_norm(features):
        if norm == "vbn":
            return VirtualBatchNorm(features, references or 64)
        if conditional is not None:
            return made.batch_norm(features)
        return normal_norm(nn.BatchNorm2d(features)) if norm else nn.Identity()

    def up(wide, narrow, bias=not norm):
        # the norm first: it draws its scales before the convolution draws its weights
        layers = [gen_norm(wide), nn.ReLU(inplace=True)]
        return [*layers, normal(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=bias))]

    ups = [layer for wide, narrow in itertools.pairwise(widths[::-1]) for layer in up(wide, narrow)]
    maps = made.sequential(*ups, *up(widths[0], channels, True), nn.Tanh())
    dense = normal(nn.Linear(z_dim, flat, bias=not norm))
    if norm == "vbn":
        gen = ReferenceGenerator(dense, start, maps, z_dim, references or 64)
    else:
        gen = made.generator(dense, start, maps)

    def down(narrow, wide, normed=True):
        layers = [sn(normal(nn.Conv2d(narrow, wide, 4, 2, 1, bias=not (normed and disc_norm))))]
        if normed and disc_norm:
            layers.append(normal_norm(_disc_norm(disc_norm, wide)))
        return nn.Sequential(*layers, nn.LeakyReLU(slope, inplace=True))

    head = [nn.Flatten()]
    if minibatch_disc is not None:
        head.append(MinibatchDiscrimination(flat, *sizes(minibatch_disc), minibatch_form, minibatch_self))
        flat = head[-1].out_features
    disc = made.staged(
        down(channels, widths[0], normed=False),
        *itertools.starmap(down, itertools.pairwise(widths)),
        made.last(flat, lambda layer: sn(normal(layer)), before=head),
    )
    return {"gen": gen, "disc": disc}


def _innermost(side, n):
    """Whether `side` is at most 7, or odd, after n halvings."""
    return side >> n <= 7 or (side >> n) % 2 == 1


def _disc_norm(kind, features):
    if kind == "batch":
        return nn.BatchNorm2d(features)
    return nn.GroupNorm(features if kind == "instance" else 1, features)  # one map a group, or all in one
