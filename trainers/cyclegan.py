"""CycleGAN: two translators between unpaired domains A and B, each undone by the other, each judged by a
discriminator.

Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial networks" (arXiv
1703.10593), eq. 1 to 3 and section 4. F = gen_ab: A -> B, G = gen_ba: B -> A, |.| is the mean absolute
difference. One step, a and b of the batch, unpaired:

  1  b~ = F(a), a~ = G(b)
  2  F and G minimise l_g(D_B(b~)) + l_g(D_A(a~)) + lambda_a |G(b~) - a| + lambda_b |F(a~) - b|
                      + identity (lambda_b |F(b) - b| + lambda_a |G(a) - a|)
  3  a~, b~ are exchanged, with probability 1/2 each, for older ones of the pools (Shrivastava et al. 2017)
  4  D_A and D_B minimise d_weight (l_real(D_A(a)) + l_fake(D_A(a~)) + l_real(D_B(b)) + l_fake(D_B(b~)))
                          + penalties

A discriminator may give a map of logits, one a patch: l is taken of each patch, and the patches' mean is the
example's.
"""

import torch
from torch import nn

from engine import accumulation
from engine.errors import UserError
from engine.flags import count, weight
from engine.pictures import rows
from engine.randomness import examples, random_images
from losses.adversarial import OBJECTIVES
from losses.penalties import Context
from losses.reconstruction import l1
from trainers import g_steps, penalised
from trainers.base import Check, Trainer

COLUMNS = 20  # of the pictures


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of Zhu et al. 2017 unless said otherwise."""
    group.add_argument(
        "--loss",
        choices=OBJECTIVES,
        default="lsgan",
        help="objective of the discriminators and, adversarially, the translators (default lsgan)",
    )
    group.add_argument(
        "--lambda_a", type=weight, default=10.0, help="weight of A's cycle, |G(F(a)) - a| (default 10)"
    )
    group.add_argument(
        "--lambda_b", type=weight, default=10.0, help="weight of B's cycle, |F(G(b)) - b| (default 10)"
    )
    group.add_argument(
        "--identity",
        type=weight,
        default=0.0,
        help="weight of the identity terms |F(b) - b| and |G(a) - a| as a part of lambda_b and lambda_a; "
        "needs domains of as many channels (default 0, as in most of the paper; its code has 0.5)",
    )
    group.add_argument(
        "--d_weight", type=weight, default=0.5, help="factor of the discriminators' objective (default 0.5)"
    )
    group.add_argument(
        "--pool_size",
        type=count,
        default=50,
        help="older translations that a process keeps of each domain to show the discriminators; 0: none "
        "(default 50)",
    )
    g_steps.add_flag(group, "translations")
    penalised.add_flag(group, "the discriminators' mean logits")
    group.serves("translation")


def get_trainer(nets, args):
    """A CycleGAN. Raises UserError where the flags, the data and the networks do not go together."""
    return CycleGAN(nets, args)


class CycleGAN(Trainer):
    """Two translators and two discriminators (Zhu et al. 2017)."""

    roles = ("gen_ab", "gen_ba", "disc_a", "disc_b")
    accumulates = ("gen_ab", "gen_ba", "disc_a", "disc_b")
    per_process = ("pool_a.images", "pool_a.filled", "pool_b.images", "pool_b.filled")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        if not hasattr(args, "data_shape_b"):
            raise UserError(
                f"--iterator: {args.iterator} has one domain; use one with batches of x and x_b, as "
                "iterators/unpaired_images.py"
            )
        if args.identity > 0 and args.data_shape != args.data_shape_b:
            raise UserError(
                f"--identity={args.identity:g}: given for domains of {args.data_shape[0]} and "
                f"{args.data_shape_b[0]} channels, where no image of one is "
                "one of the other; use --identity=0"
            )
        self.shown = None  # images to draw pictures of; no state, the data give them
        self.objective = OBJECTIVES[args.loss]
        self.boundary = self.objective.boundary
        # lambda is meant for (D - 1)^2: the table's least squares have a factor 1/2 besides
        self.unit = 2.0 if args.loss == "lsgan" else 1.0
        self.penalties_a = self.penalise(args.penalty, "disc_a")
        self.penalties_b = self.penalise(args.penalty, "disc_b")
        if args.loss == "wgan" and not self.penalties_a.lipschitz():
            self.warnings.append("--loss=wgan: nothing keeps the critics Lipschitz; use --penalty gp=10")
        self.pool_a, self.pool_b = (
            Pool(args.pool_size, args.data_shape),
            Pool(args.pool_size, args.data_shape_b),
        )
        self.average("gen_ab", args.ema)
        self.average("gen_ba", args.ema)
        self.optimise("gens", self.gen_ab, self.gen_ba)
        self.optimise("discs", self.disc_a, self.disc_b)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        a, b = batch["x"], batch["x_b"]
        made = []

        def g_terms(a, b):
            fake_b, fake_a = self.gen_ab(a), self.gen_ba(b)
            made.append((fake_a.detach(), fake_b.detach()))
            return self.g_terms(a, b, fake_a, fake_b)

        for _ in range(self.args.g_steps):
            made.clear()
            log = self.update("gens", g_terms, a, b)
        fake_a, fake_b = map(accumulation.joined, zip(*made))
        fake_a, fake_b = self.pool_a(fake_a), self.pool_b(fake_b)
        return log | self.update("discs", self.d_terms, a, b, fake_a, fake_b, step)

    def g_terms(self, a, b, fake_a, fake_b):
        """The terms of the translators' loss, each [N]; a, b: real images; fake_a = G(b), fake_b = F(a)."""
        args = self.args
        terms = {
            "adv_ab": (self.unit, per_example(self.objective.g(self.disc_b(fake_b)))),
            "adv_ba": (self.unit, per_example(self.objective.g(self.disc_a(fake_a)))),
            "cycle_a": (args.lambda_a, l1(self.gen_ba(fake_b), a)),
            "cycle_b": (args.lambda_b, l1(self.gen_ab(fake_a), b)),
        }
        if args.identity > 0:
            terms["identity_ab"] = args.identity * args.lambda_b, l1(self.gen_ab(b), b)
            terms["identity_ba"] = args.identity * args.lambda_a, l1(self.gen_ba(a), a)
        return terms

    def d_terms(self, a, b, fake_a, fake_b, step=0):
        """The terms of the discriminators' loss, each (weight, [N]); the fakes are taken as constants."""
        on_a = self.terms_of(self.disc_a, self.penalties_a, a, fake_a, step)
        on_b = self.terms_of(self.disc_b, self.penalties_b, b, fake_b, step)
        return {f"{name}_a": term for name, term in on_a.items()} | {
            f"{name}_b": term for name, term in on_b.items()
        }

    def terms_of(self, disc, penalties, real, fake, step):
        """The terms of one discriminator's loss; penalties are on its mean logits, [N]."""
        factor = self.unit * self.args.d_weight
        logits_real, logits_fake = disc(real), disc(fake)
        terms = {
            "real": (factor, per_example(self.objective.d_real(logits_real))),
            "fake": (factor, per_example(self.objective.d_fake(logits_fake))),
        }
        logits = {"real": per_example(logits_real), "fake": per_example(logits_fake)}
        mean_logits = lambda x: per_example(disc(x))
        return terms | penalties(
            Context(mean_logits, real, fake, logits, step=step, mean=self.mean, generator=self.generator)
        )

    def verdicts(self, batch):
        """Trainer.verdicts of both discriminators: mean logits of images of a domain, and of translations to
        it."""
        a, b = batch["x"], batch["x_b"]
        shown = {"disc_a": (a, self.gen_ba(b)), "disc_b": (b, self.gen_ab(a))}
        return {
            role: tuple(per_example(getattr(self, role)(x)) for x in pair) for role, pair in shown.items()
        }

    def checks(self, x):
        """Both translators, and both discriminators on images of their domain."""
        x_b = torch.zeros(2, *self.args.data_shape_b, device=x.device)
        return [
            Check("gen_ab", lambda: self.gen_ab(x), x_b.shape),
            Check("gen_ba", lambda: self.gen_ba(x_b), x.shape),
            Check("disc_a", lambda: per_example(self.disc_a(x)), (2,)),
            Check("disc_b", lambda: per_example(self.disc_b(x_b)), (2,)),
        ]

    def to_b(self, a):
        """F(a): images [N, C, H, W] of A translated to B, by the averaged translator with --ema."""
        return self.sampling_net("gen_ab")(a)

    def to_a(self, b):
        """G(b): images of B translated to A."""
        return self.sampling_net("gen_ba")(b)

    def measures(self, data):
        """Measures nothing, but keeps 20 random images of each domain of test (else train) to draw pictures
        of."""
        part = data["test" if "test" in data else "train"]
        self.shown = [part.still(examples(part.domains[name], COLUMNS, name)["x"]) for name in "ab"]
        return []

    def pictures(self, batch):
        """{"ab", "ba"}: three rows of 20 columns: test images (those of the batch where there was no data),
        their translations, and those translated back."""
        a, b = self.shown or (batch["x"][:COLUMNS], batch["x_b"][:COLUMNS])
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        return {"ab": rows(a, fake_b, self.to_a(fake_b)), "ba": rows(b, fake_a, self.to_b(fake_a))}

    def sample(self, n):
        """Raises UserError: there is no noise to draw images from."""
        raise UserError(
            "--mode=sample: a CycleGAN translates, it has nothing to draw samples from; use --mode=translate"
        )

    def sample_fns(self, data, split="test"):
        """{"translations to A"}: a function of n that gives G(b) for n random b of a split, to be measured
        against real images x of A."""
        part = data[split if split in data else "train"]
        some = random_images(part.domains["b"])
        return {"translations to A": lambda n: self.to_a(part.still(some(n)))}


class Pool(nn.Module):
    """Older translations to show a discriminator: `size` images, each exchanged at random.

    pool(images [N, C, H, W]) -> as many, one after another: while the pool is not full an image is kept in it
    and returned; then with probability 1/2 it is returned and not kept, else it takes the place of a
    uniformly drawn one, which is returned. size 0: images are returned as they are. All is computed where the
    images are, so that no device waits. Zhu et al. 2017, section 4, and the authors' code.
    """

    def __init__(self, size, shape):
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def forward(self, images):
        """Images [N, C, H, W], kept or exchanged, as many."""
        if not self.size:
            return images
        n, device = len(images), images.device
        swap, slot = torch.rand(n, device=device) < 0.5, torch.randint(self.size, (n,), device=device)
        order = torch.arange(n, device=device)
        fills = order < self.size - self.filled
        writes, slot = fills | swap, torch.where(fills, self.filled + order, slot)
        # one after another, in one go: a place holds what the last image before wrote there, else what it
        # held at first
        wrote = lambda places, earlier: torch.where(
            (places[:, None] == slot) & writes & earlier, order, -1
        ).amax(1)
        before = wrote(slot, order < order[:, None])
        held = torch.where(before < 0, slot, self.size + before)
        returned = torch.where(swap & ~fills, held, self.size + order)
        places = torch.arange(self.size, device=device)
        last = wrote(places, True)
        # see iterators/library/iterator.py: channels-last rows are picked faster so
        both = torch.cat([self.images, images]).permute(0, 2, 3, 1)
        pick = lambda rows: both.index_select(0, rows).permute(0, 3, 1, 2)
        self.images.copy_(pick(torch.where(last < 0, places, self.size + last)))
        self.filled.add_(fills.sum())
        return pick(returned)


def per_example(values):
    """[N] of values [N], or of values of patches, [N, h, w]: their mean over an example."""
    return values.flatten(1).mean(1) if values.ndim > 1 else values
