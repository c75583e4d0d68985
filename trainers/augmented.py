"""What D is shown of an image: the flags of augmentation, and the Augmentation that they ask for."""

import torch
from torch import nn

from engine import accumulation
from engine.errors import UserError
from engine.flag_types import number, positive, weight
from losses.ada import BAND, PIPES, Pipe
from losses.augment import POLICIES, AdaptiveProbability


def add_flags(group):
    """Declares the flags of augmentation; defaults are those of Karras et al. 2020."""
    group.add_argument(
        "--diffaugment",
        nargs="*",
        choices=POLICIES,
        default=[],
        metavar="POLICY",
        help=f"augment all that D sees, in both players' steps: of {', '.join(POLICIES)}, in the order given "
        "(default none; Zhao et al. 2020, DiffAugment)",
    )
    group.add_argument(
        "--ada",
        choices=("none", *PIPES),
        default="none",
        help="augment all that D sees, in both players' steps, each transformation of the set with "
        "probability p: bgc is that of Karras et al. 2020, r3gan that of Huang et al. 2024 (default none)",
    )
    group.add_argument(
        "--ada_p",
        type=weight,
        default=None,
        help="that p, fixed or for --anneal (default: adaptive, from 0 on)",
    )
    group.add_argument(
        "--apa",
        action="store_true",
        help="D is shown a generated image in place of a real one with an adaptive probability p (Jiang et "
        "al. 2021)",
    )
    group.add_argument(
        "--p_target",
        type=number(float, -1, 1),
        default=0.6,
        help="adaptive p rises while the mean sign of D's logits of real images is above it, else falls "
        "(default 0.6)",
    )
    group.add_argument(
        "--p_images",
        type=positive,
        default=500_000,
        help="images in which an adaptive p can go from 0 to 1 (default 500000)",
    )
    group.add_argument(
        "--p_every", type=positive, default=4, help="steps between moves of an adaptive p (default 4)"
    )
    group.add_argument(
        "--instance_noise",
        type=weight,
        default=0.0,
        help="standard deviation of noise on all that D sees, in both players' steps; --anneal "
        "instance_noise=0 lets it vanish (default 0; Sonderby et al. 2017)",
    )
    group.add_argument(
        "--top_k",
        type=number(float, 0, 1, open_low=True),
        default=1.0,
        help="G learns from its images with the highest logits, a share of the batch that falls from 1 by "
        "top_k_gamma each epoch, down to this (default 1: all; 0.5 in Sinha et al. 2020)",
    )
    group.add_argument(
        "--top_k_gamma",
        type=number(float, 0, 1, open_low=True),
        default=0.99,
        help="that factor (default 0.99; Sinha et al. 2020)",
    )


def check(trainer):
    """Raises UserError, or warns, where the flags contradict one another or the images."""
    args = trainer.args
    adaptive = args.apa or args.ada != "none" and args.ada_p is None
    trainer.warn_if_unused(adaptive, "--ada without --ada_p, or --apa", "p_target", "p_images", "p_every")
    trainer.warn_if_unused(args.ada != "none", "--ada", "ada_p")
    trainer.warn_if_unused(args.top_k < 1, "--top_k", "top_k_gamma")
    trainer.warn_if_unused(trainer.adversarial, "--g_loss=adversarial or mixed", "top_k")
    (channels, *sides), pipe = args.data_shape, PIPES.get(args.ada, {})
    what = "x".join(map(str, args.data_shape))
    if args.diffaugment or pipe:
        if min(sides) < 2:
            raise UserError(f"--diffaugment, --ada: the data are {what}, not images; use none of the two")
    if "brightness" in pipe and channels not in (1, 3):
        raise UserError(f"--ada={args.ada}: changes colours, the images are {what}; use blit, geom or bg")
    if "filter" in pipe and min(sides) <= BAND:
        raise UserError(
            f"--ada={args.ada}: its filter needs more than {BAND} pixels a side, the images are {what}; use "
            "bgc"
        )


class Augmentation(nn.Module):
    """T x: DiffAugment's policies, then ADA's pipeline, then noise; a draw of its own for each example.

    p, that of the pipeline, is adaptive, or set by the trainer at each step, as `noise` is.
    """

    def __init__(self, args):
        super().__init__()
        self.policies = [POLICIES[name] for name in args.diffaugment]
        self.pipe = Pipe(PIPES[args.ada]) if args.ada != "none" else None
        self.fixed_p, self.noise = args.ada_p, args.instance_noise
        self.adaptive = adaptive(args) if self.pipe and args.ada_p is None else None

    def p(self, x):
        """The probability of the pipeline's transformations: a scalar on the device of x."""
        return x.new_full((), self.fixed_p) if self.adaptive is None else self.adaptive.p

    def forward(self, x, generator):
        """T x of images x [N, C, H, W] in [-1, 1], with its gradient; in float32 inside autocast too."""
        with torch.autocast(x.device.type, enabled=False):
            for policy in self.policies:
                x = policy(x, generator)
            if self.pipe:
                x = self.pipe(x, self.p(x), generator)
            if self.noise > 0:
                like = {"dtype": x.dtype, "device": x.device, "generator": generator}
                shape = x.shape[1:]
                noise = accumulation.rows(lambda n: torch.randn(n, *shape, **like), len(x))
                x = x + self.noise * noise
        return x


def adaptive(args):
    """The AdaptiveProbability of the flags."""
    return AdaptiveProbability(args.p_target, args.p_images, args.p_every)


def pseudo(real, fake, p, generator):
    """APA: each of real [N, ...] replaced by that of fake with probability p, a scalar. Jiang et al. 2021,
    section 3.1."""
    ones, where = [1] * (real.ndim - 1), {"device": real.device, "generator": generator}
    draw = accumulation.rows(lambda n: torch.rand(n, *ones, **where), len(real))
    return torch.where(draw < p, fake, real)
