"""SSGAN and MS-GAN on a plain GAN: a discriminator that tells rotations too, so that it does not forget what
images are.

One step:

  1  every update_g_every-th step, g_steps times: z ~ p(z);
     G minimises l_g(D(G(z))) + alpha CE(C(R_k G(z)), k), the latter as --g_task says
  2  z ~ p(z) afresh, x~ = G(z) held constant;
     D minimises l_real(D(x)) + l_fake(D(x~)) + beta CE(C(R_k x), k) + penalties
     (ms: of a pool of five classes, the fifth is x~, upright)

C is the head disc.rotation, R_k turns by k 90 degrees, CE is softmax cross-entropy. Chen et al. 2019 (SSGAN,
arXiv 1811.11212), alpha 0.2, beta 1; as in compare_gan and mimicry. --self_supervised=ms --g_task=match: Tran
et al. 2019 (MS-GAN, arXiv 1911.06997), on an SN-GAN. --self_supervised=la: Hou et al. 2021, see
LabelAugmented. --self_supervised=none is the GAN alone. Differs from SSGAN: images are kept of a shuffled
pool of all rotations (compare_gan: all four of some images, that is --rotations=full of a part; mimicry: each
quarter of the batch has one rotation, that is --rotations=stratified).
"""

import torch

from engine.errors import UserError
from engine.flags import positive
from losses import rotation
from losses.adversarial import OBJECTIVES
from losses.penalties import Context
from trainers import g_steps, self_supervised
from trainers.batchnorm import by_batch


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of Chen et al. 2019 and of mimicry."""
    group.add_argument("--loss", choices=OBJECTIVES, default="hinge", help="objective (default hinge)")
    group.add_argument(
        "--update_g_every",
        type=positive,
        default=5,
        help="one step of G in so many steps of D (default 5; mimicry)",
    )
    g_steps.add_flag(group)
    more = (
        ", or eight classes, each rotation of real and of generated images, in place of D's logit (la; Hou "
        "et al. 2021) or besides (la+)"
    )
    self_supervised.add_flags(group, "ss", 1.0, 0.2, "help", self_supervised.CLASSES, more)
    group.add_argument(
        "--la_loss",
        choices=rotation.LA_LOSSES,
        default="ce",
        help="that of the eight classes: ce, cross-entropy, or hinge, of all classes, as in the authors' "
        "script for CIFAR-10 (default ce)",
    )


def get_trainer(nets, args):
    """An SSGAN. Raises UserError where the flags and the networks do not go together."""
    return (LabelAugmented if args.self_supervised in ("la", "la+") else SSGAN)(nets, args)


class SSGAN(self_supervised.SelfSupervised):
    """A GAN with a rotation head (Chen et al. 2019; Tran et al. 2019)."""

    roles = ("gen", "disc")
    accumulates = ("disc",)

    def __init__(self, nets, args):
        # Dist-GAN network files also return an encoder; it is dropped
        super().__init__({role: net for role, net in nets.items() if role != "enc"}, args)
        eight = isinstance(self, LabelAugmented)
        self.warn_if_unused(eight, "--self_supervised=la or la+", "la_loss")
        if args.accumulate > 1 and self.g_task and args.g_task == "match" and not eight:
            raise UserError(
                f"--accumulate={args.accumulate}: --g_task=match compares means over the batch; use "
                "--g_task=help, or --accumulate=1"
            )
        self.objective = OBJECTIVES[args.loss]
        self.penalties = self.penalise(args.penalty, "disc")
        self.average("gen", args.ema)
        self.optimise("gen", self.gen)
        self.optimise("disc", self.disc)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        real, log = batch["x"], {}
        if step % self.args.update_g_every == 0:
            for _ in range(self.args.g_steps):
                fake = self.gen(self.noise(len(real)))
                log |= self.update("gen", self.g_terms, real, fake, *self.g_images(real, fake))
        with torch.no_grad():
            fake = self.gen(self.noise(len(real)))
        task = self.d_images(real, fake)
        return log | self.update("disc", self.d_terms, real, fake, batch.get("y"), step, *task)

    def g_terms(self, real, fake, *task):
        """The terms of G's loss; task: g_images(real, fake), of the whole batch."""
        turned_real, turned, turn = task or self.g_images(real, fake)
        h = self.trunk(fake=fake, turned=turned)
        terms = {"adv": self.objective.g(self.logits(h["fake"]))}
        if self.g_task:
            with torch.no_grad():
                h_real = self.trunk(x=turned_real)["x"] if self.args.g_task == "match" else None
            terms["rotation"] = self.task_term(h["turned"], h_real, turn)
        return terms

    def d_terms(self, real, fake, labels=None, step=0, *task):
        """The terms of D's loss, each [n] or (weight, [n]); real, fake: [N, C, H, W], held constant; task:
        d_images(real, fake), of the whole batch."""
        turned, turn = task or self.d_images(real, fake)
        h = self.trunk(real=real, fake=fake, turned=turned)
        logits = {name: self.logits(h[name]) for name in ("real", "fake")}
        terms = {"real": self.objective.d_real(logits["real"]), "fake": self.objective.d_fake(logits["fake"])}
        if self.d_task:
            terms["rotation"] = self.args.lambda_d, self.task_loss(h["turned"], turn)
        return terms | self.penalties(
            Context(self.disc, real, fake, logits, None, labels, step, self.mean, self.generator)
        )

    def generate(self, z):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        return self.sampling_net("gen")(z)

    @torch.no_grad()
    def diagnose(self, batch):
        """The head's accuracy on each rotation, and on generated images for ms."""
        return self.task_accuracies(batch["x"], self.gen(self.noise(len(batch["x"]))))


class LabelAugmented(SSGAN):
    """SSGAN-LA: D's head tells eight classes apart, 2k of R_k x and 2k + 1 of R_k G(z). Hou et al. 2021.

      D minimises CE(C(R_k x), 2k) + CE(C(R_k x~), 2k + 1) + penalties
      G minimises CE(C(R_k G(z)), 2k) - CE(C(R_k G(z)), 2k + 1)

    With la that is all: D's own logit is not trained, and l_0 - l_1, the log odds of an upright image to be
    real, takes its place. With la+ they are added to the terms of --loss, times beta and alpha; both are 1 in
    the authors' script.
    """

    @property
    def plus(self):
        """Whether the terms of --loss stay."""
        return self.args.self_supervised == "la+"

    def d_images(self, real, fake):
        """(R_k x, R_k x~, k), both kinds turned alike; three times None where D has no part of the task."""
        return self.turned_alike(real, fake) if self.d_task else (None, None, None)

    def turned_alike(self, real, fake):
        """(R_k x, R_k x~, k) of a pool of four rotations."""
        source, turn = self.pool(len(real), rotation.TURNS)
        return rotation.turned(real, source, turn), rotation.turned(fake, source, turn), turn

    def g_terms(self, real, fake, *task):
        """The terms of G's loss; task: g_images(real, fake), of the whole batch."""
        _, turned, turn = task or self.g_images(real, fake)
        h = self.trunk(fake=fake if self.plus else None, turned=turned)
        terms = {"adv": self.objective.g(self.logits(h["fake"]))} if self.plus else {}
        if self.g_task:
            loss = rotation.LA_LOSSES[self.args.la_loss][1](self.head(h["turned"]), turn)
            terms["la"] = (self.args.lambda_g, loss) if self.plus else loss
        return terms

    def d_terms(self, real, fake, labels=None, step=0, *task):
        """The terms of D's loss, each [n] or (weight, [n]); real, fake: [N, C, H, W], held constant; task:
        d_images(real, fake), of the whole batch."""
        turned_real, turned_fake, turn = task or self.d_images(real, fake)
        upright = {"real": real, "fake": fake} if self.plus else {}
        h, logits, terms = self.trunk(**upright, turned_real=turned_real, turned_fake=turned_fake), {}, {}
        if self.plus:
            logits = {name: self.logits(h[name]) for name in ("real", "fake")}
            terms = {
                "real": self.objective.d_real(logits["real"]),
                "fake": self.objective.d_fake(logits["fake"]),
            }
        if self.d_task:
            loss, weight = rotation.LA_LOSSES[self.args.la_loss][0], self.args.lambda_d if self.plus else 1
            for name in ("real", "fake"):
                found = loss(self.head(h[f"turned_{name}"]), rotation.label(turn, name == "fake"))
                terms[f"la_{name}"] = weight, found
        context = Context(self.score, real, fake, logits, None, labels, step, self.mean, self.generator)
        return terms | self.penalties(context)

    def head(self, h):
        """The logits [n, 8] of h_last."""
        return self.disc.rotation(h, start=self.last_layer)

    def score(self, x):
        """D's logits [n] of upright images: of la+ its own, else l_0 - l_1."""
        if self.plus:
            return self.disc(x)
        logits = self.disc.rotation(x)
        return logits[:, 0] - logits[:, 1]

    def probability(self, x):
        """sigmoid of the score, [n]."""
        return torch.sigmoid(self.score(x))

    @torch.no_grad()
    def diagnose(self, batch):
        """The head's accuracy on each rotation of real images, and of generated ones."""
        real, found = batch["x"], {}
        for name, x in (("", real), ("fake_", self.gen(self.noise(len(real))))):
            source, turn = rotation.full_pool(len(x), rotation.TURNS, x.device)
            with by_batch(self.disc):  # as D trains
                logits = self.head(self.trunk(x=rotation.turned(x, source, turn))["x"])
            shares = rotation.accuracies(logits, rotation.label(turn, bool(name)))
            found |= {f"disc/acc_{name}{90 * k}": shares[rotation.label(k, bool(name))] for k in range(4)}
        return found
