"""--conditional, --packing and --g_batch: their flags, and the Classes that G is told and D judges by.

A conditional G is given z and classes, D judges examples together with their classes:
  projection  D(x, y) = psi(phi(x)) + v_y . phi(x)                       Miyato and Koyama 2018, eq. 3
  concat      D(x, y) = psi(phi(x), e(y))                                Mirza and Osindero 2014
  acgan       D(x), and class logits C(x): both players add CE(C(x), y)  Odena et al. 2017
  d2dce       D(x), features f(x) and proxies v_k: both add D2D-CE       Kang et al. 2021

The network does the first two itself. The others give more than a logit an example: D's output is
[logit, class logits] [N, 1 + K], or [logit, cosines to the proxies, features] [N, 1 + K + d]. Classes are
shares [N, K], see losses/conditional.py: the classes of a mix are mixed as its examples are, so D(mix) is
told lam y + (1 - lam) y~, which projection takes as lam v_y + (1 - lam) v_y~, concat as such a mean of e, and
the class terms as such a mean of losses. Of a mix by regions lam is the mean of its mask.
"""

import torch
from torch import nn

from engine.errors import UserError
from engine.flags import number, positive, weight
from losses import conditional as losses
from losses.conditional import shares
from losses.masks import share
from losses.mixing import mix

# kind -> the class term of D's output after the logit, [N, m], and classes [N, K]; None: it has none
CLASS_LOSSES = {
    "projection": None,
    "concat": None,
    "acgan": lambda extra, c, args: losses.cross_entropy(extra, c),
    "d2dce": lambda extra, c, args: losses.d2d_cross_entropy(
        extra[:, c.shape[1] :], extra[:, : c.shape[1]], c, args.d2dce_margin, args.d2dce_temperature
    ),
}


def add_flags(group):
    """Declares the flags of class-conditional GANs, of packing, and of G's batch."""
    group.add_argument(
        "--conditional",
        choices=("none", *CLASS_LOSSES),
        default="none",
        help="G makes images of given classes, and D judges by projection (Miyato and Koyama 2018), acgan "
        "(Odena et al. 2017), concat (Mirza and Osindero 2014) or d2dce (Kang et al. 2021) (default none)",
    )
    group.add_argument(
        "--label_dist",
        choices=("data", "uniform"),
        default="data",
        help="classes of generated images: as frequent as in the data, or uniform (default data)",
    )
    group.add_argument(
        "--mixup_classes",
        choices=("across", "within"),
        default="across",
        help="across: any examples are mixed, and so are their classes; within: the generated images that D "
        "is shown have the classes of the real ones, with or without --mixup, and only examples of one class "
        "are mixed (default across)",
    )
    group.add_argument(
        "--class_weight",
        type=weight,
        default=None,
        help="weight of the class term of acgan and d2dce in D's loss (default 1, d2dce 0.5)",
    )
    group.add_argument(
        "--g_class_weight",
        type=weight,
        default=None,
        help="the same in G's loss (default: as in D's; 0.1 in WGAN-GP's AC-GAN)",
    )
    group.add_argument(
        "--class_terms",
        choices=("auto", "real", "all"),
        default="auto",
        help="the examples of D's class term: real ones, or all that D is shown, generated ones and mixes "
        "too (default auto: all for acgan as in the paper, real for d2dce)",
    )
    group.add_argument(
        "--d2dce_margin",
        type=number(float, 0, 1),
        default=0.98,
        help="d2dce: margin of cosines to a class's proxy; that between classes is 1 minus it (default 0.98)",
    )
    group.add_argument(
        "--d2dce_temperature",
        type=number(float, 0, open_low=True),
        default=0.5,
        help="d2dce: temperature (default 0.5)",
    )
    group.add_argument(
        "--packing",
        type=positive,
        default=1,
        help="D judges packs of so many images; --batch_size counts images (default 1; PacGAN, Lin et al. "
        "2018: 2, 3, 4)",
    )
    group.add_argument(
        "--g_batch",
        type=positive,
        default=1,
        help="G's step has so many times as many images as the batch (default 1; 2 in the code of WGAN-GP)",
    )


def classes_of(args):
    """The Classes of the flags, or NoClasses."""
    kind = getattr(args, "conditional", "none")
    return NoClasses() if kind == "none" else Classes(kind, args)


class NoClasses:
    """What a GAN without --conditional is told of classes: nothing."""

    kind = "none"

    def of(self, y):
        """()."""
        return ()

    def for_g(self, n, y, generator):
        """()."""
        return ()

    def for_d(self, n, y, generator):
        """()."""
        return ()

    def for_samples(self, n, y=None):
        """(). Raises UserError if classes are asked for."""
        if y is not None:
            raise UserError("--conditional: the run has none, so G takes no classes; leave y out")
        return ()

    def partners(self, fake, generator, *classes):
        """int64 [N]: with which each example of a batch of generated ones, [N, ...], is mixed."""
        return torch.randperm(len(fake), device=fake.device)

    def mixed(self, classes, weights):
        """None."""

    def logits(self, output):
        """D's output itself."""
        return output

    def d_terms(self, passes):
        """{}."""
        return {}

    def g_terms(self, output, *classes):
        """{}."""
        return {}


class Classes(nn.Module):
    """Draws classes, and turns D's outputs into logits and class terms. Its functions are those of NoClasses;
    `generator` is Trainer.generator.

    Buffer counts [K]: the labels seen in training by process 0, the frequencies of samples.
    """

    def __init__(self, kind, args):
        super().__init__()
        self.kind, self.args, self.n = kind, args, args.n_classes
        self.register_buffer("counts", torch.zeros(self.n, dtype=torch.int64))
        self.loss = CLASS_LOSSES[kind]
        self.on_all = {"auto": kind == "acgan", "real": False, "all": True}[args.class_terms]
        default = 0.5 if kind == "d2dce" else 1.0
        self.d_weight = default if args.class_weight is None else args.class_weight
        self.g_weight = self.d_weight if args.g_class_weight is None else args.g_class_weight

    def of(self, y):
        """(shares [N, K],) of labels y, int64 [N]. Raises UserError for a batch without labels."""
        if y is None:
            raise UserError(f"--conditional: {self.args.iterator} gives no labels y; use data with labels")
        return (shares(y, self.n),)

    def drawn(self, n, y, generator):
        """Labels int64 [n] by --label_dist: those of examples of the batch, drawn with replacement, or
        uniform."""
        device = self.counts.device
        if self.args.label_dist == "uniform":
            return torch.randint(self.n, (n,), device=device, generator=generator("classes"))
        return y[torch.randint(len(y), (n,), device=device, generator=generator("classes"))]

    def for_g(self, n, y, generator):
        """(shares [n, K],) of the images that G makes in its step; y: labels of the real batch."""
        return self.of(self.drawn(n, y, generator))

    def for_d(self, n, y, generator):
        """(shares [n, K],) of the images that D is shown; those of the real batch with
        --mixup_classes=within. Counts the labels of the real batch."""
        self.counts += torch.bincount(y, minlength=self.n)
        return self.of(y if self.args.mixup_classes == "within" else self.drawn(n, y, generator))

    def for_samples(self, n, y=None):
        """(y,) for samples: those given, int64 [n] or shares [n, K], else drawn by --label_dist from the
        generators that are seeded."""
        if y is None:
            counts = self.counts if self.args.label_dist == "data" else torch.zeros_like(self.counts)
            weights = torch.where(counts.sum() > 0, counts, torch.ones_like(counts)).double().cumsum(0)
            places = torch.rand(n, dtype=torch.float64, device=counts.device) * weights[-1]
            y = torch.searchsorted(weights, places, right=True).clamp(max=self.n - 1)
        return (y,)

    def partners(self, fake, generator, *classes):
        """NoClasses.partners; with --mixup_classes=within, of the same class."""
        if self.args.mixup_classes == "across":
            return NoClasses.partners(self, fake, generator)
        draws = torch.rand(len(fake), device=fake.device, generator=generator("classes"))
        return losses.same_class_order(classes[0].argmax(1), draws)

    def mixed(self, classes, weights):
        """The classes [N, K] of mixes by weights [2, N], or masks [2, N, 1, H, W], of examples of these
        two."""
        return mix(classes, torch.stack([share(each) for each in weights]))

    def logits(self, output):
        """Logits [N] of D's output."""
        return output if self.loss is None else output[:, 0]

    def d_terms(self, passes):
        """{"class_<name>": (weight, [N])} of a Passes whose logits are known; with soft mixup labels, when D
        sees mixes alone, always that of the mix."""
        if self.loss is None or self.d_weight == 0:
            return {}
        real = passes.shown.get("real")
        if real is None or real.label is None:
            names = [name for name, each in passes.shown.items() if each.label is not None]
        else:
            names = list(passes.shown) if self.on_all else ["real"]
        return {
            f"class_{name}": (
                self.d_weight,
                self.loss(passes.outputs[name][:, 1:], passes.shown[name].classes, self.args),
            )
            for name in names
        }

    def g_terms(self, output, *classes):
        """{"class": (weight, [N])} of D's output of generated images and their classes."""
        if self.loss is None or self.g_weight == 0:
            return {}
        return {"class": (self.g_weight, self.loss(output[:, 1:], *classes, self.args))}
