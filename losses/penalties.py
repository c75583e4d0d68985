"""Penalties on a discriminator: functions or modules of a Context, penalty(context) -> [N] or a scalar.

PENALTIES is the table behind --penalty. A user's file offers one by get_penalty(); see docs/extending.md. A
penalty may say by attributes
  slopes_at             the batches, "real" or "fake", at which it asks context.squared_slope: one forward
                        pass can then serve the logits and the penalty
  twice_differentiated  False if it takes no gradient of D inside the loss (default True)
  of_batch              how it depends on the batch as a whole, so that --accumulate refuses it (default
                        None)
  lipschitz             True if it keeps D's slope bounded, as a Wasserstein critic needs (default False)
  single                True if it asks for D's logits of images of its own, so that it needs a D that
                        judges an image alone (default False)
  hooked                True if it puts hooks on D's layers, which compiled code does not have (default
                        False)
  check                 function of the trainer that raises UserError where it cannot be
State that it keeps stands in buffers of a module, so that a resumed run goes on with it. A row of PENALTIES
that is a class is such a module, made by of(args).
"""

import functools

import torch
import torch.nn.functional as F
from torch import nn

from engine import accumulation


class Context:
    """What a penalty sees in one step of a discriminator.

    real, fake: [N, ...], held constant. disc: function x [N, ...] -> logits [N], which treats examples
    independently (with batch norm the gradient of the sum is not each example's own). labels: int64 [N] of
    the real examples, or None. step: counts from 0. mean(values [N]): the mean over the whole batch, that is
    over all processes, with its gradient. generator(purpose): the torch.Generator of a penalty's own draws in
    this step; None is torch's. Of trainers/gan.py alone: trainer, whose disc is the network; passes, what D
    is shown in this step (see trainers/judge.py); z, the noise [N, z_dim] that `fake` was made of;
    classes, of the real and of the generated examples, shares [N, K] each, or (). A conditional D is told the
    classes of the real examples in disc(x); told(lam) is D with other classes.
    """

    def __init__(
        self,
        disc,
        real,
        fake,
        logits=None,
        leaves=None,
        labels=None,
        step=0,
        mean=torch.mean,
        generator=lambda purpose: None,
        trainer=None,
        passes=None,
        z=None,
        classes=(),
    ):
        """logits: {"real", "fake", "mix" ...: [N]}, those computed already. leaves: {name: images that
        require their gradient}, from which logits of that name were computed. classes: if there are any, disc
        takes classes as its second argument."""
        self.score, self.classes = disc, classes
        self.real, self.fake, self.labels = real, fake, labels
        self.step, self.mean, self.generator = step, mean, generator
        self.trainer, self.passes, self.z = trainer, passes, z
        self.known, self.leaves = dict(logits or {}), leaves or {}
        self.disc = self.told(1)

    def told(self, lam):
        """D as a function x [N, ...] -> logits [N] that is told the classes lam y + (1 - lam) y~ of real y
        and generated y~; lam: a number, or [N, 1, ...]. For points x = lam real + (1 - lam) fake."""
        if not self.classes:
            return self.score
        real, fake = self.classes
        told = torch.lerp(fake, real, lam.reshape(-1, 1) if torch.is_tensor(lam) else lam)
        return lambda x: self.score(x, told)

    def logits(self, name):
        """D's logits [N], with their graph, of "real", "fake", or a mix by its name in the log. Raises
        KeyError for others."""
        if name not in self.known:
            self.known[name] = self.logits_as(name, {"real": self.real, "fake": self.fake}[name])
        return self.known[name]

    def logits_as(self, name, x):
        """D's logits [N] of images x [N, ...] that stand for those of "real" or "fake", one for one: of their
        classes."""
        return self.told({"real": 1, "fake": 0}[name])(x)

    def squared_slope(self, name, output=lambda logits: logits):
        """|grad_x output(D(x))|_2^2, [N], at "real" or "fake" x; by the pass that gave the logits where that
        is possible."""
        if name in self.leaves:
            return squared_slope(output(self.known[name]), self.leaves[name])
        x = {"real": self.real, "fake": self.fake}[name]
        return zero_centred(lambda x: output(self.logits_as(name, x)), x)


class GContext:
    """What a term of G's loss sees: the trainer, fake = G(z) [N, ...] with its gradient, and z [N, z_dim].

    classes: (shares [N, K] of fake,) where G is conditional, else (). seen: T fake, what D is shown of it.
    """

    def __init__(self, trainer, fake, z, classes=()):
        self.trainer, self.fake, self.z, self.classes = trainer, fake, z, classes
        self.generator = trainer.generator

    @functools.cached_property
    def seen(self):
        """T fake, one draw of T for all terms."""
        return self.trainer.judge.augment(self.fake, "gen")


def input_gradient(disc, x, create_graph=True):
    """grad_x sum_i disc(x)_i, flattened: [N, d]; in float32 inside autocast too. Raises RuntimeError if disc
    ignores its input."""
    x = x.detach().requires_grad_()
    with torch.autocast(x.device.type, enabled=False):
        (grad,) = torch.autograd.grad(disc(x).sum(), x, create_graph=create_graph)
    return grad.flatten(1)


def squared_slope(output, x):
    """|grad_x output_i|_2^2, [N], of an output [N] computed from x [N, ...], which requires its gradient; in
    float32 inside autocast too."""
    with torch.autocast(x.device.type, enabled=False):
        (grad,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    return grad.flatten(1).square().sum(1)


def zero_centred(disc, x, create_graph=True):
    """|grad_x disc(x)|_2^2, [N]."""
    return input_gradient(disc, x, create_graph).square().sum(1)


def one_centred(disc, x):
    """(|grad_x disc(x)|_2 - 1)^2, [N]; its gradient is finite where the norm is 0."""
    return (input_gradient(disc, x).norm(dim=1) - 1).square()


def uniform(x, generator=None):
    """lam ~ U(0, 1), one an example, shaped to multiply x: [N, 1, ...]."""

    def draw(n):
        ones = [1] * (x.ndim - 1)
        return torch.rand(n, *ones, dtype=x.dtype, device=x.device, generator=generator)

    return accumulation.rows(draw, len(x))


def attributes(**values):
    """A decorator that sets attributes of a penalty."""

    def decorate(penalty):
        for name, value in values.items():
            setattr(penalty, name, value)
        return penalty

    return decorate


@attributes(slopes_at=("real",), lipschitz=True)
def r1(context):
    """1/2 |grad D(x)|^2 at real x. Mescheder et al. 2018, eq. 9 (the weight is their gamma)."""
    return context.squared_slope("real") / 2


@attributes(slopes_at=("fake",), lipschitz=True)
def r2(context):
    """1/2 |grad D(x)|^2 at generated x. Mescheder et al. 2018, eq. 10."""
    return context.squared_slope("fake") / 2


@attributes(lipschitz=True)
def gradient_penalty(context):
    """(|grad D(x)| - 1)^2 at x = lam real + (1 - lam) fake, lam ~ U(0, 1) per example. Gulrajani et al. 2017,
    Algorithm 1."""
    real, fake, lam = context.real, context.fake, uniform(context.real)
    return one_centred(context.told(lam), torch.lerp(fake, real, lam))


@attributes(lipschitz=True, of_batch="takes the deviation of the batch")
def dragan(context):
    """(|grad D(x)| - 1)^2 at x = real + lam u, lam ~ U(0, 1) per example, u ~ U(0, s/2) per pixel.

    s is the standard deviation of the batch, each process's own. Kodali et al. 2017, section 2.4.
    Differs from the paper: delta ~ N(0, cI) there; the noise above is that of the authors' code.
    """
    real = context.real
    return one_centred(context.disc, real + uniform(real) * torch.rand_like(real) * real.std() / 2)


@attributes(lipschitz=True)
def zero_centred_at_mixes(context):
    """|grad D(x)|^2 at x = lam real + (1 - lam) fake, lam ~ U(0, 1) per example. Thanh-Tung et al. 2019,
    "0-GP".

    Differs from the paper: D is the logit (there: as its objective has it).
    """
    lam = uniform(context.real, context.generator("gp0"))
    return zero_centred(context.told(lam), torch.lerp(context.fake, context.real, lam))


class LeCam(nn.Module):
    """E relu(D(x) - a_F)^2 + E relu(a_R - D(G(z)))^2, a_R and a_F averages of D's logits. Tseng et al. 2021.

    a <- decay a + (1 - decay) E D, by the means of all processes, this step's first taken in; a = E D before
    step `start`, when the penalty is 0. [N]. decay 0.9 and start 1,000 as in the authors' BigGAN on CIFAR-10,
    where the weight is 0.3. Differs from the paper: eq. 3 has no relu, their code and StudioGAN's have it.
    """

    twice_differentiated = False

    def __init__(self, decay=0.9, start=1000):
        super().__init__()
        self.decay, self.start = decay, start
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    @classmethod
    def of(cls, args):
        """That of the flags."""
        return cls(args.lecam_decay, args.lecam_start)

    def forward(self, context):
        """The value [N]; moves the averages."""
        real, fake = context.logits("real"), context.logits("fake")
        decay = self.decay if context.step + 1 >= self.start else 0
        for average, logits in ((self.real, real), (self.fake, fake)):
            average.lerp_(context.mean(logits).detach().to(average), 1 - decay)
        if context.step < self.start:
            return torch.zeros_like(real)
        return F.relu(real - self.fake).square() + F.relu(self.real - fake).square()


PENALTIES = {
    "gp": gradient_penalty,
    "r1": r1,
    "r2": r2,
    "dragan": dragan,
    "gp0": zero_centred_at_mixes,
    "lecam": LeCam,
}


class OutputSlope:
    """dnorm: |grad_x D(x)|^2 on real x, D(x) = output(logits): a probability where the objective has one."""

    slopes_at = ("real",)

    def __init__(self, output):
        self.output = output

    def __call__(self, context):
        """|grad_x output(D(x))|^2, [N]."""
        return context.squared_slope("real", self.output)


class Penalties(nn.Module):
    """The penalties of a discriminator with their weights: penalties(context) -> {name: (weight, value)}.

    State that a penalty keeps in buffers is put back by settle() if the update it served was skipped.
    """

    def __init__(self, weights, penalties):
        """weights: {name: weight above 0}; penalties: {name: penalty}. Modules among them become parts of
        this one."""
        super().__init__()
        self.weights, self.penalties = weights, penalties
        self.stateful = nn.ModuleDict({name: p for name, p in penalties.items() if isinstance(p, nn.Module)})
        self.before = []  # values of the buffers before the terms that the next update is made of

    def __len__(self):
        return len(self.weights)

    def forward(self, context):
        """{name: (weight, the penalty's value, [N] or a scalar)}."""
        self.before = [b.clone() for b in self.buffers()]
        return {name: (weight, self.penalties[name](context)) for name, weight in self.weights.items()}

    def of_batch(self):
        """{name: why it needs the whole batch}, of the penalties that do: those of state are moved once a
        batch."""
        found = {name: getattr(p, "of_batch", None) for name, p in self.penalties.items()}
        found |= {
            name: "has state that a batch moves" for name, p in self.stateful.items() if list(p.buffers())
        }
        return {name: reason for name, reason in found.items() if reason}

    def settle(self, bad):
        """After an update: buffers as they were before it where `bad`, a scalar on the device, is 1: it was
        skipped."""
        for buffer, old in zip(self.buffers(), self.before):
            buffer.copy_(torch.where(bad.bool(), old, buffer))
        self.before = []

    def put_first(self, slopes_at):
        """Puts the penalties whose slope shares a pass with the logits of `slopes_at` before the others.

        They come as dnorm and the table have them. It is the order of the terms in the loss.
        """
        table = ["dnorm", *PENALTIES]

        def place(name):
            shares = set(getattr(self.penalties[name], "slopes_at", ())) & set(slopes_at)
            return (0, table.index(name) if name in table else len(table)) if shares else (1, 0)

        self.weights = {name: self.weights[name] for name in sorted(self.weights, key=place)}

    def slopes_at(self):
        """The batches, "real" and "fake", at which some penalty asks for D's slope and can share the pass of
        the logits."""
        return {which for p in self.penalties.values() for which in getattr(p, "slopes_at", ())}

    def twice_differentiated(self):
        """Names of the penalties that take a gradient of D inside the loss."""
        return [name for name, p in self.penalties.items() if getattr(p, "twice_differentiated", True)]

    def single(self):
        """Names of the penalties that need a D that judges an image alone."""
        return [name for name, p in self.penalties.items() if getattr(p, "single", False)]

    def hooked(self):
        """Whether some penalty puts hooks on D's layers."""
        return any(getattr(p, "hooked", False) for p in self.penalties.values())

    def check(self, trainer):
        """Raises UserError where a penalty cannot be with this trainer."""
        for penalty in self.penalties.values():
            if hasattr(penalty, "check"):
                penalty.check(trainer)

    def lipschitz(self):
        """Whether some penalty bounds D's slope."""
        return any(getattr(p, "lipschitz", False) for p in self.penalties.values())
