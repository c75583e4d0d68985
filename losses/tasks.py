"""Tasks of D beside telling real from generated: penalties of a Context and of a GContext, [N] each.

They need heads that a discriminator offers as methods: disc.contrast(x) for infomax (networks/infomax.py),
disc.pixels(x) for unet (networks/unet.py).
"""

import torch

from engine.errors import UserError
from losses.consistency import of_gan
from losses.penalties import attributes


def needs_head(name, method, network):
    """A check that the trainer can use such a head of D, and that D has it."""

    def check(trainer):
        of_gan(name)(trainer)
        disc = trainer.disc
        if not hasattr(disc, method):
            raise UserError(
                f"--penalty {name}, --g_penalty {name}: the discriminator of {trainer.args.network} has no "
                f"method {method}; use --network={network}"
            )

    return check


# InfoMax-GAN


def info_nce(local, whole):
    """-log(exp(l_ip . g_i) / (exp(l_ip . g_i) + sum_{j != i, q} exp(l_jq . g_i))), averaged over p: [N].

    local: l [N, R, P], P places of each image; whole: g [N, R]. It is log(1 + (N - 1) P) where all products
    are equal, and 0 for one image. Lee et al. 2021 (InfoMax-GAN, arXiv 2007.04589), eq. 5.
    Differs from the authors' code (mimicry): there exp(l_iq . g_i) of the image itself stays in the sum as
    exp(-10), P times.
    """
    scores = torch.einsum("irn,jrp->ijp", whole[:, :, None], local)  # g_i . l_jp
    own = torch.eye(len(whole), dtype=torch.bool, device=whole.device)
    right = scores[own]  # [N, P]
    others = scores.masked_fill(own[:, :, None], -torch.inf).flatten(1).logsumexp(1, keepdim=True)
    return (torch.logaddexp(right, others) - right).mean(1)


has_contrast = needs_head("infomax", "contrast", "networks/infomax.py")


CONTRASTS = "contrasts the images of the batch"


@attributes(twice_differentiated=False, single=True, of_batch=CONTRASTS, check=has_contrast)
def infomax(context):
    """info_nce of D's local and global features of real x, [N]. Weight 0.2, as in --g_penalty infomax=0.2.

    Negatives are the other images of the batch, of each process its own. Lee et al. 2021, eq. 8.
    """
    return info_nce(*context.trainer.disc.contrast(context.passes.seen[0]))


@attributes(single=True, of_batch=CONTRASTS, check=has_contrast)
def infomax_g(context):
    """info_nce of D's local and global features of generated images, [N]. Weight 0.2. Lee et al. 2021, eq.
    7."""
    return info_nce(*context.trainer.disc.contrast(context.seen))


# U-Net GAN

has_pixels = needs_head("unet", "pixels", "networks/unet.py")


def at_pixels(trainer):
    """has_pixels, and mixes of images only: Raises UserError otherwise."""
    has_pixels(trainer)
    if set(trainer.layers) - {0} or trainer.form.replaces:
        raise UserError(
            f"--penalty unet: D's decoder reads all layers of its encoder, and --mixup={trainer.args.mixup} "
            "mixes one of them; use --mixup=pixel"
        )


@attributes(twice_differentiated=False, single=True, check=at_pixels)
def unet(context):
    """Sum over what D learns from of the mean over pixels of l(D(x)_p, M_p), [N]. Weight 1, also of
    --g_penalty.

    M is 1 for real images, 0 for generated ones, and for a mix the real image's share at the pixel, whatever
    its label as an image; l = M l_real + (1 - M) l_fake of --loss. Schoenfeld et al. 2020 (U-Net GAN, arXiv
    2002.12655), eq. 3 to 5.
    """
    maps, objective = pixels(context), context.trainer.objective
    return sum(
        objective.d(maps[name], target(each)).mean((1, 2, 3)) for name, each in context.passes.shown.items()
    )


def target(shown):
    """What D's pixels should be: a mask [N, 1, H, W] or [N, 1, 1, 1], or the label."""
    if shown.mask is None:
        return shown.label
    return shown.mask if shown.mask.ndim == 4 else shown.mask[:, None, None, None]


def mixes_images(trainer):
    """at_pixels, and mixes at all."""
    at_pixels(trainer)
    if not trainer.layers:
        raise UserError("--penalty unet_mix: is of mixes, given --mixup=none; use --mixup=pixel")


@attributes(twice_differentiated=False, single=True, check=mixes_images)
def unet_mix(context):
    """The mean over pixels of (D(m) - M D(x) - (1 - M) D(x~))^2, [N], m = M x + (1 - M) x~ the mix. Weight 1.

    D is its map of logits, M as in unet. Schoenfeld et al. 2020, eq. 7.
    """
    maps, mask = pixels(context), target(context.passes.shown["mix"])
    return (maps["mix"] - torch.lerp(maps["fake"], maps["real"], mask)).square().mean((1, 2, 3))


def pixels(context):
    """{name: D's map of logits [N, 1, H, W]} of real and generated images and of all that D learns from, by
    one pass."""
    if not hasattr(context, "maps"):
        images = dict(zip(("real", "fake"), context.passes.seen))
        images |= {name: each.h for name, each in context.passes.shown.items() if name not in images}
        disc = context.trainer.disc
        found = context.trainer.forward_jointly(disc, disc.pixels, *images.values())
        context.maps = dict(zip(images, found))
    return context.maps


@attributes(single=True, check=has_pixels)
def unet_g(context):
    """The mean over pixels of l_G(D(G(z))_p), [N]. Weight 1. Schoenfeld et al. 2020, eq. 6."""
    return context.trainer.objective.g(context.trainer.disc.pixels(context.seen)).mean((1, 2, 3))
