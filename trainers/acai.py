"""ACAI: an autoencoder whose interpolations a critic cannot tell from reconstructions, as in the paper and as
in AMR's code.

Berthelot et al. 2018 (arXiv 1807.07543), Algorithm of section 2.1, --acai=paper:

  1  h = enc(x), x^ = dec(h); alpha ~ U(0, 1/2); x_a = dec((1 - alpha) h + alpha h[reversed])
  2  enc and dec minimise R(x^, x) + advweight d(x_a)^2
  3  the critic d minimises (d(x_a) - alpha)^2 + d(gamma x + (1 - gamma) x^)^2 + penalties,
     with x_a and x^ of line 1 held constant

As Beckham et al. 2019 compare with it, --acai=amr (the default), D a probability, l a loss of it against a
label:

  1  alpha ~ U(0, 1); x_a = dec(alpha h + (1 - alpha) h[pi]), pi a random permutation
  2  every update_g_every-th step: enc and dec minimise lamb R(x^, x) + l(D(x_a), 0) + beta |enc(x_a) - h_a|
  3  D minimises l(D(x), 0) + l(D(x^), 0) + l(D(x_a), 2 min(alpha, 1 - alpha)) + penalties

The label 2 min(alpha, 1 - alpha) lies in [0, 1], as a probability must; the paper's alpha in [0, 1/2] is
min(alpha, 1 - alpha). Differs from AMR's code: --recon_loss is used (there: always l1).
"""

import torch

from engine.errors import UserError
from engine.flags import number, weight
from losses import reconstruction
from losses.mixing import mix
from losses.penalties import Context
from trainers import autoencoder


def add_flags(group):
    """Declares the flags of this trainer."""
    autoencoder.add_flags(group)
    autoencoder.add_adversarial_flags(group)
    group.set_defaults(recon_loss=None, update_g_every=None, gan_loss=None)  # as --acai says
    group.resolve(defaults)
    group.add_argument(
        "--acai",
        choices=("amr", "paper"),
        default="amr",
        help="as in AMR's code, or as in the ACAI paper (default amr)",
    )
    group.add_argument(
        "--gamma",
        type=number(float, 0, 1),
        default=0.2,
        help="paper: share of x in the critic's regulariser (default 0.2; Berthelot et al. 2018)",
    )
    group.add_argument(
        "--advweight",
        type=weight,
        default=0.5,
        help="paper: weight of the critic's judgement, its lambda (default 0.5; Berthelot et al. 2018)",
    )


def defaults(args):
    """{flag: value} of flags that were not given, as in AMR's code or in the paper."""
    values = {"paper": ("l2", 1, "mse"), "amr": ("l1", 5, "bce")}[args.acai]
    meant = dict(zip(("recon_loss", "update_g_every", "gan_loss"), values))
    return {name: value for name, value in meant.items() if getattr(args, name) is None}


def get_trainer(nets, args):
    """An ACAI. Raises UserError where flags contradict one another."""
    return ACAI(nets, args)


class ACAI(autoencoder.Autoencoder):
    """Adversarially constrained autoencoder interpolation (Berthelot et al. 2018)."""

    roles = ("enc", "dec", "disc")

    def __init__(self, nets, args):
        self.paper = args.acai == "paper"
        if self.paper:
            if args.gan_loss == "bce":
                raise UserError(
                    "--gan_loss=bce: the paper's critic has no probability; use --gan_loss=mse, or --acai=amr"
                )
            if args.disable_g_recon:
                raise UserError(
                    "--disable_g_recon: with --acai=paper, --gamma=1 leaves reconstructions out of the "
                    "critic's regulariser"
                )
        if args.mixer != "mixup":
            raise UserError(f"--mixer={args.mixer}: ACAI's label is one weight an example; use --mixer=mixup")
        super().__init__(nets, args)
        self.loss = reconstruction.LABELLED[args.gan_loss]
        self.penalties = self.penalise(args.penalty, "disc")
        self.optimise("disc", self.disc, weight_decay=args.weight_decay)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x, due = batch["x"], self.due(step)
        with torch.set_grad_enabled(due):
            h = self.enc(x)
            recon = self.dec(h) if due or not self.args.disable_g_recon else None
            h_mix, label = self.mix(h)
            mixed = self.dec(h_mix)
        log = (
            self.update("ae", self.recon_terms(x, recon, h, batch) | self.ae_terms(h_mix, mixed))
            if due
            else {}
        )
        log |= self.update(
            "disc", self.d_terms(x, recon, mixed, label) | self.penalty_terms(x, mixed, batch, step)
        )
        return log | self.probe_step(h, batch)

    def mix(self, h):
        """(h_a, the critic's label for it): codes [N, ...] and [N]."""
        alpha = torch.rand(len(h), device=h.device)
        if self.paper:
            return mix((h, h.flip(0)), torch.stack([1 - alpha / 2, alpha / 2])), alpha / 2
        partner = torch.randperm(len(h), device=h.device)
        return mix((h, h[partner]), torch.stack([alpha, 1 - alpha])), 2 * torch.minimum(alpha, 1 - alpha)

    def ae_terms(self, h_mix, mixed):
        """The adversarial terms of the autoencoder's loss, each [N]."""
        judged = self.disc(mixed)
        adv = (self.args.advweight, judged.square()) if self.paper else self.loss(judged, 0.0)
        terms = {"adv_mix": adv}
        if self.args.beta > 0 and not self.paper:
            terms["consistency"] = self.args.beta, reconstruction.l1(self.enc(mixed), h_mix)
        return terms

    def d_terms(self, x, recon, mixed, label):
        """The terms of the critic's loss, each [N]; recon and mixed are taken as constants."""
        if self.paper:
            blend = torch.lerp(recon.detach(), x, self.args.gamma)
            return {"mix": (self.disc(mixed.detach()) - label).square(), "recon": self.disc(blend).square()}
        shown = [x, mixed.detach(), *([] if self.args.disable_g_recon else [recon.detach()])]
        targets = [0.0, label, 0.0]
        return {
            name: self.loss(judged, target)
            for name, judged, target in zip(
                ("real", "mix", "recon"), self.forward_jointly(self.disc, self.disc, *shown), targets
            )
        }

    def penalty_terms(self, x, mixed, batch, step):
        """--penalty on the critic's output, with mixes for the generated images."""
        context = Context(
            self.disc,
            x,
            mixed.detach(),
            labels=batch.get("y"),
            step=step,
            mean=self.mean,
            generator=self.generator,
        )
        return self.penalties(context)

    def mixes(self, x):
        """Images decoded from mixes of two codes, as training makes them."""
        return self.decode(self.mix(self.encode(x))[0])
