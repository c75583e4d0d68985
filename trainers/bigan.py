"""Bidirectional GAN: D judges pairs of an image and a latent, (x, E(x)) against (G(z), z), so that E learns
to invert G. One step:

  1  z ~ p(z); the real pair is (x, E(x)), the generated one (G(z), z)
  2  G and E minimise l_E(D(x, E(x))) + l_G(D(G(z), z)), l_E and l_G as --loss says
  3  D minimises -log D(x, E(x)) - log(1 - D(G(z), z)), with the pairs of line 1 held constant

Donahue, Krahenbuhl and Darrell 2017, "Adversarial Feature Learning" (arXiv 1605.09782), eq. 3 and section
3.4. Lines 2 and 3 use the same weights of D, and the same pairs: they are one simultaneous update of all
three networks, as in the authors' code. With --g_steps lines 1 and 2 are done so often, on the same images,
and line 3 takes the last pairs. Each kind of pair is a batch of its own for batch norm, as there.

Differs from the authors' code: losses are sums of both terms (there: means of both), which matters for weight
decay alone: theirs counts twice.
"""

import torch

from engine import distributed
from engine.flags import positive, weight
from engine.randomness import examples
from losses.adversarial import OBJECTIVES
from losses.penalties import Context
from trainers import codes, g_steps, penalised
from trainers.base import Check
from trainers.dist_gan import CODE_HINT

D = OBJECTIVES["jsgan"]  # D's losses, and G's -log D
# (l_E, l_G): what E minimises on real pairs, and G on generated ones
ADVERSARIES = {
    # labels exchanged: -log(1 - D(x, E(x))) and -log D(G(z), z); section 3.4
    "jsgan": (D.d_fake, D.d_real),
    # the game as written: log D(x, E(x)) and log(1 - D(G(z), z)); eq. 3
    "minimax": (lambda logits: -D.d_real(logits), lambda logits: -D.d_fake(logits)),
}


def add_flags(group):
    """Declares the flags of this trainer."""
    group.add_argument(
        "--loss",
        choices=ADVERSARIES,
        default="jsgan",
        help="what G and E minimise: jsgan, D's loss with labels exchanged; minimax, minus D's loss (default "
        "jsgan)",
    )
    group.add_argument(
        "--weight_decay",
        type=weight,
        default=5e-5,
        help="L2 penalty inside Adam, on all parameters of all networks (default 5e-5: Donahue et al. 2017's "
        "code has 2.5e-5 beside the mean of a loss's two terms, and here they are summed)",
    )
    group.add_argument(
        "--recon_every",
        changes_run=False,
        type=positive,
        default=1,
        help="epochs between measurements of the reconstruction's error (default 1)",
    )
    g_steps.add_flag(group)
    penalised.add_flag(group, "D's logits of pairs")
    codes.add_mode_flags(group)


def get_trainer(nets, args):
    """A BiGAN."""
    return BiGAN(nets, args)


class BiGAN(codes.Coder):
    """G and E against a D of pairs, disc(x, z) -> logits [N]."""

    roles = ("gen", "enc", "disc")
    judges_images = False  # but pairs of an image and a code
    accumulates = ("disc",)

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.enc_loss, self.gen_loss = ADVERSARIES[args.loss]
        self.penalties = self.penalise(args.penalty, "disc")
        self.shown = None  # images to draw reconstructions of; no state, the data gives them
        self.average("gen", args.ema)
        self.average("enc", args.ema)
        self.optimise("ge", self.gen, self.enc, weight_decay=args.weight_decay)
        self.optimise("disc", self.disc, weight_decay=args.weight_decay)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x = batch["x"]
        for _ in range(self.args.g_steps):
            z = self.noise(len(x))
            real, fake = (x, self.enc(x)), (self.gen(z), z)
            log = self.update("ge", self.ge_terms, real, fake)
        held = constant(real), constant(fake)
        return log | self.update("disc", self.d_terms, *held, batch.get("y"), step)

    def ge_terms(self, real, fake):
        """The terms of G and E's loss, each [N]; E learns from the first, G from the second, both through
        D."""
        judged_real, judged_fake = self.forward_jointly(self.disc, self.disc, real, fake)
        return {"real": self.enc_loss(judged_real), "fake": self.gen_loss(judged_fake)}

    def d_terms(self, real, fake, labels=None, step=0):
        """The terms of D's loss, each [N] or (weight, [N]); real, fake: pairs held constant."""
        judged_real, judged_fake = self.forward_jointly(self.disc, self.disc, real, fake)
        terms = {"real": D.d_real(judged_real), "fake": D.d_fake(judged_fake)}
        logits = {"real": judged_real, "fake": judged_fake}
        return terms | self.penalties(
            Context(
                self.of_joined,
                joined(real),
                joined(fake),
                logits,
                None,
                labels,
                step,
                self.mean,
                self.generator,
            )
        )

    def verdicts(self, batch):
        """Trainer.verdicts of pairs, (x, E(x)) and (G(z), z)."""
        z = self.noise(len(batch["x"]))
        pairs = (batch["x"], self.enc(batch["x"])), (self.gen(z), z)
        return {"disc": tuple(self.disc(*pair) for pair in pairs)}

    def of_joined(self, pairs):
        """D's logits [N] of pairs [N, C H W + z_dim] as penalties see them."""
        x, z = pairs.split([pairs.shape[1] - self.args.z_dim, self.args.z_dim], 1)
        return self.disc(x.unflatten(1, self.args.data_shape), z)

    def disc_features(self, x, layer):
        """D's last hidden state of the pairs (x, E(x)), [N, d]."""
        return self.disc.features(x, self.encode(x))

    @property
    def last_layer(self):
        """1 where D gives its last hidden state, disc.features(x, z), which is its only one then; else 0."""
        return int(hasattr(self.disc, "features"))

    def checks(self, x):
        """The three networks, D on pairs."""
        return [
            Check("gen", lambda: self.gen(self.noise(2)), x.shape),
            Check("enc", lambda: self.enc(x), (2, self.args.z_dim), CODE_HINT),
            Check("disc", lambda: self.disc(x, self.noise(2)), (2,)),
        ]

    # --- for the loop and the modes

    def generate(self, z):
        """G(z), by the averaged generator with --ema: z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        return self.sampling_net("gen")(z)

    decode = generate  # codes are latents

    def pictures(self, batch):
        """{"samples": drawn ones; "recon": pairs of rows, images that were held out (else of the batch) and
        G(E(x)) below them}."""
        x = batch["x"] if self.shown is None else self.shown
        columns = min(10, len(x))
        x = x[: min(20, len(x)) // columns * columns]
        rows = [images.unflatten(0, (-1, columns)) for images in (x, self.decode(self.encode(x)))]
        return {"samples": self.sample(self.args.samples), "recon": torch.stack(rows, 1).flatten(0, 1)}

    def measures(self, data):
        """Each --recon_every epochs: recon/<split>, the mean of |x - G(E(x))|_2 with pixels in [0, 1], over
        valid and test."""
        held_out = [split for split in ("valid", "test") if split in data]
        if held_out:
            self.shown = examples(data[held_out[0]], 20, getattr(self.args, "vis_seed", 0))["x"]
        return [
            (
                self.args.steps_per_epoch * self.args.recon_every,
                lambda step: {f"recon/{split}": self.recon_error(data[split]) for split in held_out},
            )
        ]

    def recon_error(self, batches):
        """The mean over all batches, and processes, of |x - G(E(x))|_2 with pixels in [0, 1]."""
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        with self.evaluating():
            for batch in batches:
                distances = (self.decode(self.encode(batch["x"])) - batch["x"]).flatten(1).norm(dim=1) / 2
                sums += torch.stack([distances.double().sum(), sums.new_tensor(len(distances))])
        total, n = distributed.sum_over([sums])[0].tolist()
        return total / n


def joined(pair):
    """A pair as one tensor [N, C H W + z_dim], whose slope is that with respect to both."""
    return torch.cat([part.flatten(1) for part in pair], 1)


def constant(pair):
    """The pair without its graph."""
    return tuple(part.detach() for part in pair)
