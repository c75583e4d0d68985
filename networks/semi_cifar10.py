"""The CIFAR-10 (and SVHN) networks of the semi-supervised experiments of Salimans et al. 2016.

arXiv 1606.03498; code openai/improved-gan.
Differs from the code: data-dependent initialisation from one batch of unlabelled images (there: 500 labelled
ones); |v| in weight norm without 1e-6.
"""

from torch import nn

from networks.layers import (
    GaussianNoise,
    Generator,
    GlobalPool,
    ReferenceGenerator,
    Staged,
    ToUnit,
    VirtualBatchNorm,
    at_least,
    choice,
    image_shape,
    normal,
    unscaled,
    weight_norm,
)
from networks.minibatch import MinibatchDiscrimination, sizes


def get_network(
    data_shape,
    n_classes,
    z_dim,
    width=96,
    gen_width=128,
    perturb="dropout",
    minibatch_disc=None,
    norm="batch",
    references=None,
    labels=True,
):
    """Generator, and discriminator with K = n_classes logits [N, K] (labels=False: one logit [N]).

    Weights N(0, 0.05^2); weight norm with data-dependent initialisation.
    gen: z -> (z + 1) / 2; dense to 4 gen_width maps of H/8 x W/8, each of whose units is normalised by itself
    before they become maps; 5x5 transposed convolutions of stride 2 to 2 gen_width, gen_width and C, the last
    with weight norm and a tanh; before each, batch norm without a scale, and ReLU. norm="vbn": virtual batch
    norm in its place, with a scale, and a reference batch of `references` (by default 100, a batch of the
    code); the CIFAR-10 code has none, the paper's best score on CIFAR-10 was with it. disc, in four stages:
    3x3 convolutions of width, width, and width maps with stride 2; three of 2 width, the last with stride
    2; one of 2 width without padding, two of 1x1, mean over space; dense K. LeakyReLU 0.2. Before the first
    three stages: dropout 0.2 (perturb="noise": Gaussian noise of 0.2), dropout 0.5, dropout 0.5. The scales
    of weight norm are constant, but learned in the last layer. minibatch_disc="100x5": minibatch
    discrimination of the code's CIFAR-10 form before the dense layer. The code's SVHN network has width 64.
    data_shape: (C, H, W), H and W multiples of 8, at least 16. Raises ValueError for others, and for data
    without labels.
    """
    if labels and not n_classes:
        raise ValueError("data without labels: use labelled images, as this network classifies")
    at_least(1, width=width, gen_width=gen_width)
    channels, height, breadth = image_shape(data_shape, 8)
    if min(height, breadth) < 16:
        raise ValueError(f"images of {height}x{breadth} pixels: use sides of at least 16 with this network")
    choice("perturb", perturb, ("dropout", "noise"))
    choice("norm", norm, ("batch", "vbn"))
    if references is not None and norm != "vbn":
        raise ValueError("references: only valid with norm=vbn")
    references = 100 if references is None else references
    start = (4 * gen_width, height // 8, breadth // 8)

    def up(wide, narrow):
        return [nn.ConvTranspose2d(wide, narrow, 5, 2, 2, output_padding=1, bias=False), *norm_relu(narrow)]

    def norm_relu(features, kind=nn.BatchNorm2d):
        layer = (
            VirtualBatchNorm(features, references) if norm == "vbn" else unscaled(kind(features, eps=1e-6))
        )
        return layer, nn.ReLU(inplace=True)

    last = normal(nn.ConvTranspose2d(gen_width, channels, 5, 2, 2, output_padding=1), 0.05)
    last = weight_norm(last, std=0.1)
    maps = nn.Sequential(
        *up(4 * gen_width, 2 * gen_width),
        *up(2 * gen_width, gen_width),
        last,
        nn.Tanh(),
    )
    for layer in maps:
        if isinstance(layer, nn.ConvTranspose2d) and layer is not last:
            normal(layer, 0.05)
    units = start[0] * start[1] * start[2]
    dense = normal(nn.Linear(z_dim, units, bias=False), 0.05)
    dense = nn.Sequential(ToUnit(), dense, *norm_relu(units, nn.BatchNorm1d))
    if norm == "vbn":
        gen = ReferenceGenerator(dense, start, maps, z_dim, references)
    else:
        gen = Generator(dense, start, maps)

    def conv(inputs, outputs, size=3, stride=1, padding=1):
        layer = weight_norm(normal(nn.Conv2d(inputs, outputs, size, stride, padding), 0.05), learn=False)
        return [layer, nn.LeakyReLU(0.2, inplace=True)]

    twice = 2 * width
    head, features = [], twice
    if minibatch_disc is not None:
        head = [MinibatchDiscrimination(twice, *sizes(minibatch_disc), "cifar")]
        features = head[0].out_features
    disc = Staged(
        nn.Sequential(
            nn.Dropout(0.2) if perturb == "dropout" else GaussianNoise(0.2),
            *conv(channels, width),
            *conv(width, width),
            *conv(width, width, stride=2),
        ),
        nn.Sequential(
            nn.Dropout(0.5), *conv(width, twice), *conv(twice, twice), *conv(twice, twice, stride=2)
        ),
        nn.Sequential(
            nn.Dropout(0.5),
            *conv(twice, twice, padding=0),
            *conv(twice, twice, 1, padding=0),
            *conv(twice, twice, 1, padding=0),
            GlobalPool(),
        ),
        nn.Sequential(
            *head,
            weight_norm(normal(nn.Linear(features, n_classes if labels else 1), 0.05), std=0.1),
            *([] if labels else [nn.Flatten(0)]),
        ),
    )
    return {"gen": gen, "disc": disc}
