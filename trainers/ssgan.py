"""SSGAN and MS-GAN on a plain GAN: a discriminator that tells rotations too, so that it does not forget what
images are.

One step:

  1  every update_g_every-th step: z ~ p(z);
     G minimises l_g(D(G(z))) + alpha CE(C(R_k G(z)), k), the latter as --g_task says
  2  z ~ p(z) afresh, x~ = G(z) held constant;
     D minimises l_real(D(x)) + l_fake(D(x~)) + beta CE(C(R_k x), k) + penalties
     (ms: of a pool of five classes, the fifth is x~, upright)

C is the head disc.rotation, R_k turns by k 90 degrees, CE is softmax cross-entropy. Chen et al. 2019 (SSGAN,
arXiv 1811.11212), alpha 0.2, beta 1; as in compare_gan and mimicry. --self_supervised=ms --g_task=match: Tran
et al. 2019 (MS-GAN, arXiv 1911.06997), on an SN-GAN. --self_supervised=none is the GAN alone. Differs from
SSGAN: images are kept of a shuffled pool of all rotations (compare_gan: all four of some images, that is
--rotations=full of a part; mimicry: each quarter of the batch has one rotation, that is
--rotations=stratified).
"""

import torch

from engine.errors import UserError
from engine.flags import positive
from losses.adversarial import OBJECTIVES
from losses.penalties import Context
from trainers import self_supervised


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of Chen et al. 2019 and of mimicry."""
    group.add_argument("--loss", choices=OBJECTIVES, default="hinge", help="objective (default hinge)")
    group.add_argument(
        "--update_g_every",
        type=positive,
        default=5,
        help="one step of G in so many steps of D (default 5; mimicry)",
    )
    self_supervised.add_flags(group, "ss", 1.0, 0.2, "help")


def get_trainer(nets, args):
    """An SSGAN. Raises UserError where the flags and the networks do not go together."""
    return SSGAN(nets, args)


class SSGAN(self_supervised.SelfSupervised):
    """A GAN with a rotation head (Chen et al. 2019; Tran et al. 2019)."""

    roles = ("gen", "disc")
    accumulates = ("disc",)

    def __init__(self, nets, args):
        # Dist-GAN network files also return an encoder; it is dropped
        super().__init__({role: net for role, net in nets.items() if role != "enc"}, args)
        if args.accumulate > 1 and self.g_task and args.g_task == "match":
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
