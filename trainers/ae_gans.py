"""What Dist-GAN's toys compare it with: three GANs with an encoder E, x_r = G(E(x)), x_f = G(z).

One step of each, in this order:

--model=rgan    D minimises -log D(x) - log(1 - D(x_f));
                G minimises -log D(x_f) + lambda_1 |x - x_r|^2 - lambda_2 log D(x_r); E the latter two;
                each on images of its own. Che et al. 2017 (arXiv 1612.02136), mode-regularised GAN.
--model=mdgan   manifold: D_1 tells x from x_r; E and G minimise |x - x_r|^2 - lambda_2 D_1(x_r);
                diffusion, on other images: D tells x_r from x_f; G minimises -log D(x_f).
                Che et al. 2017, manifold-diffusion GAN.
--model=vaegan  E gives N(m, s^2), x_r = G(m + s e): E minimises 1/2 |x - x_r|^2 + KL;
                G minimises -log D(x_f) - log D(x_r) + recon_g 1/2 |x - x_r|^2;
                D minimises -log D(x) - log(1 - D(x_r)) - log(1 - D(x_f)).
                Larsen et al. 2016, with distances in the data.

Each D's loss has --penalty added. As in distgan_toy1d of tntrung/gan. Differs from it: rgan rewards a high
D(x_r), as its paper does (there E and G lower it, which --official_sign brings back); Adam in all three
(vaegan there: RMSProp, gradients clipped to 1); logarithms without a floor of 1e-5.
"""

import torch

from engine.errors import UserError
from engine.flags import weight
from losses.adversarial import OBJECTIVES
from losses.penalties import Context
from losses.reconstruction import kl_standard_normal
from trainers import penalised
from trainers.base import Check, Trainer, parts
from trainers.dist_gan import CODE_HINT

LOG = OBJECTIVES["jsgan"]


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of the original demonstration."""
    group.add_argument("--model", choices=MODELS, default="rgan", help="which of the three (default rgan)")
    group.add_argument(
        "--lambda_1", type=weight, default=1e-2, help="rgan: weight of the reconstruction (default 0.01)"
    )
    group.add_argument(
        "--lambda_2",
        type=weight,
        default=1e-2,
        help="rgan, mdgan: weight of the judgement of reconstructions (default 0.01)",
    )
    group.add_argument(
        "--recon_g",
        type=weight,
        default=1e-6,
        help="vaegan: weight of the reconstruction in G's loss (default 1e-6)",
    )
    group.add_argument(
        "--official_sign",
        action="store_true",
        help="rgan: + lambda_2 D(x_r) in place of - lambda_2 log D(x_r), as the original has it",
    )
    penalised.add_flag(group)


def get_trainer(nets, args):
    """The trainer that --model names. Raises UserError where the flags and the networks do not go
    together."""
    if args.official_sign and args.model != "rgan":
        raise UserError(f"--official_sign: only valid with --model=rgan, given {args.model}; leave it out")
    return MODELS[args.model](nets, args)


def square(x, x_r):
    """|x - x_r|^2, [N]."""
    return (x - x_r).flatten(1).square().sum(1)


class RGAN(Trainer):
    """GAN whose generator also reconstructs, and is rewarded for reconstructions that pass for real (Che et
    al. 2017)."""

    roles = ("gen", "enc", "disc")
    code = 1  # encoder outputs per latent dimension

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.warn_if_unused(args.model == "rgan", "--model=rgan", "lambda_1")
        self.warn_if_unused(args.model != "vaegan", "--model=rgan or mdgan", "lambda_2")
        self.warn_if_unused(args.model == "vaegan", "--model=vaegan", "recon_g")
        if args.model == "vaegan" and args.z_dist != "normal":
            self.warnings.append(
                f"--z_dist={args.z_dist}: vaegan's codes are drawn to N(0, I), which samples should come "
                "from; use normal"
            )
        self.penalties = torch.nn.ModuleDict(
            {role: self.penalise(args.penalty, role) for role in self.roles if role.startswith("disc")}
        )
        self.average("gen", args.ema)
        for role in self.roles:
            self.optimise(role, *self.learnt(role))

    def checks(self, x):
        """Trainer.checks, codes as long as noise or as means and log variances are, and a second
        discriminator."""
        codes = (2, self.code * self.args.z_dim)
        found = [*super().checks(x), Check("enc", lambda: self.enc(x), codes, CODE_HINT)]
        if "disc_recon" in self.roles:
            found.append(Check("disc_recon", lambda: self.disc_recon(x), (2,)))
        return found

    def learnt(self, role):
        """The networks that the optimiser of a role updates."""
        return [getattr(self, role)]

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        a, b, c = parts(batch["x"], 3)
        log = self.update("disc", self.d_terms(a, step))
        adv = {"adv": LOG.g(self.disc(self.gen(self.noise(len(b)))))}
        log |= self.update("gen", adv | self.recon_terms(b))
        return log | self.update("enc", self.recon_terms(c))

    def d_terms(self, x, step):
        """The terms of D's loss, each [N] or (weight, [N])."""
        with torch.no_grad():
            fake = self.gen(self.noise(len(x)))
        return self.terms_of("disc", step, real=x, fake=fake)

    def terms_of(self, role, step, **images):
        """The terms of a discriminator's loss and its penalties. The first of `images`, by name, is real, all
        others fake."""
        disc = getattr(self, role)
        logits = {name: disc(x) for name, x in images.items()}
        first, *_, last = images
        terms = {name: (LOG.d_real if name == first else LOG.d_fake)(l) for name, l in logits.items()}
        known = {"real": logits[first], "fake": logits[last]}
        return terms | self.penalties[role](
            Context(
                disc, images[first], images[last], known, step=step, mean=self.mean, generator=self.generator
            )
        )

    def recon_terms(self, x):
        """The reconstruction and D's judgement of it, each [N]."""
        x_r = self.gen(self.enc(x))
        judged = self.disc(x_r)
        judged = torch.sigmoid(judged) if self.args.official_sign else LOG.g(judged)
        return {"recon": (self.args.lambda_1, square(x, x_r)), "judged": (self.args.lambda_2, judged)}

    def generate(self, z):
        """Generated examples (the averaged generator's with --ema): z [n, z_dim] -> [n, C, H, W]."""
        return self.sampling_net("gen")(z)

    def probability(self, x):
        """sigmoid(D(x)), [N]."""
        return torch.sigmoid(self.disc(x))


class MDGAN(RGAN):
    """Reconstructions learn the data's manifold against one discriminator, samples follow reconstructions
    against another (Che et al. 2017)."""

    roles = ("gen", "enc", "disc", "disc_recon")

    def learnt(self, role):
        """E learns with G alone."""
        return [self.enc, self.gen] if role == "enc" else super().learnt(role)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        a, b = parts(batch["x"], 2)
        with torch.no_grad():
            x_r = self.gen(self.enc(a))
        log = self.update("disc_recon", self.terms_of("disc_recon", step, real=a, recon=x_r))
        x_r = self.gen(self.enc(a))
        judged = torch.sigmoid(self.disc_recon(x_r))
        log |= self.update("enc", {"recon": square(a, x_r), "judged": (-self.args.lambda_2, judged)})
        with torch.no_grad():
            x_r, x_f = self.gen(self.enc(b)), self.gen(self.noise(len(b)))
        log |= self.update("disc", self.terms_of("disc", step, recon=x_r, fake=x_f))
        return log | self.update("gen", {"adv": LOG.g(self.disc(self.gen(self.noise(len(b)))))})


class VAEGAN(RGAN):
    """A variational autoencoder whose decoder is a GAN's generator (Larsen et al. 2016). enc gives means,
    then log variances, [N, 2 z_dim]."""

    code = 2

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x = batch["x"]
        mean, log_var = self.enc(x).chunk(2, 1)
        code = mean + (log_var / 2).exp() * torch.randn_like(mean)
        log = self.update(
            "enc", {"recon": square(x, self.gen(code)) / 2, "kl": kl_standard_normal(mean, log_var)}
        )
        code = code.detach()
        x_r, x_f = self.gen(code), self.gen(self.noise(len(x)))
        log |= self.update(
            "gen",
            {
                "fake": LOG.g(self.disc(x_f)),
                "judged": LOG.g(self.disc(x_r)),
                "recon": (self.args.recon_g / 2, square(x, x_r)),
            },
        )
        with torch.no_grad():
            x_r, x_f = self.gen(code), self.gen(self.noise(len(x)))
        return log | self.update("disc", self.terms_of("disc", step, real=x, recon=x_r, fake=x_f))


MODELS = {"rgan": RGAN, "mdgan": MDGAN, "vaegan": VAEGAN}
