"""Consistency: D's logits must not change where an image, its noise or its features' statistics do.

Penalties of a Context, as in losses/penalties.py, [N] each; zcr_g is of a GContext. Each draws from a
generator of its own. All compare logits of whole images with gradients through both, and as D's step shows
images: where there is an augmentation T, D(T x) is compared with D(T' Cx). Their weights are the papers' lam.
"""

import contextlib

import torch
from torch import nn

from engine.errors import UserError
from losses.augment import whole
from losses.packing import pack, unpack
from losses.penalties import attributes

ZCR_STD = 0.05  # of dz: StudioGAN's setting for CIFAR-10
FSMR_EPS = 1e-5


def flip_and_shift(x, generator, ratio=0.125):
    """C x: mirrored with probability 1/2, then moved by -r .. r whole pixels along each axis, r = side / 8
    rounded down; what moves in is the image reflected at its border. x: [N, C, H, W]; drawn for each example.

    Zhang et al. 2020, section 3.2 and appendix; the padding is that of StudioGAN (zeros in
    data-efficient-gans).
    """
    n, _, height, width = x.shape
    rows = (torch.arange(height, device=x.device) + far(x, generator, height, ratio)).abs()
    columns = (torch.arange(width, device=x.device) + far(x, generator, width, ratio)).abs()
    rows, columns = (size - 1 - (size - 1 - i).abs() for i, size in ((rows, height), (columns, width)))
    mirrored = whole(x, generator, 0, 1).bool()
    columns = torch.where(mirrored, width - 1 - columns, columns)
    first = torch.arange(n, device=x.device)[:, None, None]
    # as [N, H, W, C], so that what is picked comes out channels-last
    return x.permute(0, 2, 3, 1)[first, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def far(x, generator, size, ratio):
    """How far each image moves along an axis: int64 [N, 1]."""
    most = int(size * ratio)
    return whole(x, generator, -most, most)


def moved(context, name, purpose):
    """(D(x) - D(Cx))^2, [N], x the "real" or "fake" images."""
    x = {"real": context.real, "fake": context.fake}[name]
    m = getattr(context.trainer, "packing", 1)  # each image of a pack moves by itself
    changed = pack(flip_and_shift(unpack(x, m), context.generator(purpose)), m)
    return (context.logits(name) - context.logits_as(name, changed)).square()


def of_images(trainer):
    """Raises UserError where D judges something else than images, which cannot be mirrored and moved."""
    what = "x".join(map(str, trainer.args.data_shape))
    if min(trainer.args.data_shape[1:]) < 2:
        raise UserError(f"--penalty cr, bcr: mirror and move images, and examples are {what}; use zcr")
    if not trainer.judges_images:
        raise UserError(
            f"--penalty cr, bcr: mirror and move images, and D of {trainer.args.trainer} judges more than "
            "them; use another penalty"
        )


def of_gan(name):
    """A check that the trainer is trainers/gan.py, or one made of it."""

    def check(trainer):
        if trainer.near is None:
            raise UserError(
                f"--penalty {name}: not valid with {trainer.args.trainer}; use --trainer=trainers/gan.py, or "
                "another penalty"
            )

    return check


def whole_batches(trainer):
    """Raises UserError where G(z) of a part of the batch depends on z of the other parts."""
    of_gan("zcr")(trainer)
    if trainer.args.accumulate > 1 and trainer.compares(trainer.gen):
        raise UserError(
            f"--accumulate={trainer.args.accumulate}: zcr moves the noise of a part, and G of "
            f"{trainer.args.network} compares the examples of a batch (batch norm); use --accumulate=1"
        )


@attributes(twice_differentiated=False, single=True, check=of_images)
def cr(context):
    """(D(x) - D(Cx))^2 of real x, [N]. Weight 10. Zhang et al. 2020 (CR-GAN, arXiv 1910.12027), eq. 3."""
    return moved(context, "real", "cr")


@attributes(twice_differentiated=False, single=True, check=of_images)
def bcr(context):
    """(D(x) - D(Cx))^2 + (D(x~) - D(Cx~))^2 of real x and generated x~, [N]. Weight 10.

    Zhao et al. 2021 (ICR-GAN, arXiv 2002.04724), Algorithm 1, lam_real = lam_fake.
    """
    return moved(context, "real", "cr") + moved(context, "fake", "bcr")


@attributes(twice_differentiated=False, single=True, check=whole_batches)
def zcr(context):
    """(D(G(z)) - D(G(z + dz)))^2, dz ~ N(0, 0.05^2), [N]. Weight 20, with --g_penalty zcr=0.5.

    Zhao et al. 2021, Algorithm 2, lam_dis; constants are StudioGAN's for CIFAR-10. With bcr it is ICR.
    """
    with torch.no_grad():
        near = context.trainer.near(context.z, ZCR_STD, "zcr", *context.classes[1:])
    return (context.logits("fake") - context.logits_as("fake", near)).square()


@attributes(check=whole_batches)
def zcr_g(context):
    """-mean |G(z) - G(z + dz)|^2 over pixels and channels, dz ~ N(0, 0.05^2), [N]: G's images must differ.

    Weight 0.5. Zhao et al. 2021, Algorithm 2, lam_gen; a mean over pixels as in StudioGAN (there: a sum).
    """
    near = context.trainer.near(context.z, ZCR_STD, "zcr gen", *context.classes)
    return -(context.fake - near).flatten(1).square().mean(1)


def adain(h, style, eps=FSMR_EPS):
    """h [N, C, H, W] with the mean and standard deviation of `style` over each map: Huang and Belongie 2017,
    eq. 8; variances are of all pixels, plus eps."""
    mean, wanted = (t.mean((2, 3), keepdim=True) for t in (h, style))
    std, scale = ((t.var((2, 3), correction=0, keepdim=True) + eps).sqrt() for t in (h, style))
    return scale * (h - mean) / std + wanted


@contextlib.contextmanager
def mixing_statistics(net, partner, share):
    """Inside the block each convolution's output h becomes share h + (1 - share) AdaIN(h, h[partner]).

    A bias adds the same to both sides, so it may come before or after. partner: int64 [N]. share: a scalar.
    """

    def hook(module, inputs, h):
        return share * h + (1 - share) * adain(h, h[partner])

    hooks = [m.register_forward_hook(hook) for m in net.modules() if isinstance(m, nn.Conv2d)]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


def has_convolutions(trainer):
    """Raises UserError if no convolution of D has statistics that could be mixed."""
    of_gan("fsmr")(trainer)
    if not any(isinstance(m, nn.Conv2d) for m in trainer.disc.modules()):
        raise UserError(
            f"--penalty fsmr: the discriminator of {trainer.args.network} has no convolution, so no "
            "statistics of maps to mix; use another network"
        )


@attributes(
    twice_differentiated=False,
    single=True,
    hooked=True,
    of_batch="mixes the statistics of features within the batch",
    check=has_convolutions,
)
def fsmr(context):
    """(D(x) - D_mix(x))^2 of real x, [N]: D_mix mixes statistics of features within the batch, see
    mixing_statistics. One share a ~ U(0, 1) and one permutation serve the batch and all layers.

    Weight 1 (0.05 in the commands for FFHQ). Kim et al. 2022 (FSMR, arXiv 2112.04120), eq. 4 to 6. Differs
    from the paper: each process permutes its own examples; where a layer pools its output in the same call
    (networks.layers.Conv3x3), statistics are of the pooled maps.
    """
    draw, real = context.generator("fsmr"), context.real
    partner = torch.randperm(len(real), device=real.device, generator=draw)
    share = torch.rand((), device=real.device, generator=draw)
    with mixing_statistics(context.trainer.disc, partner, share):
        mixed = context.logits_as("real", real)
    return (context.logits("real") - mixed).square()
