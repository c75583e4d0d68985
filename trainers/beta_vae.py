"""beta-VAE: a variational autoencoder whose code is held close to a standard normal. One step:

  1  (mean, log var) = enc(x); z = mean + exp(log var / 2) eps, eps ~ N(0, I)
  2  enc and dec minimise lamb R(dec(z), x) + beta KL(N(mean, var) || N(0, I)), KL summed over dimensions

Kingma and Welling 2014; Higgins et al. 2017, eq. 4; Burgess et al. 2018 (arXiv 1804.03599) for the networks
of dSprites. Differs from the AMR code's comparison: KL is summed over dimensions (there: averaged, so its
beta of 100 at 10 dimensions is 10 here), and the encoder gives log variances (there: deviations that could be
negative).
"""

import torch

from engine import accumulation
from engine.errors import UserError
from engine.flags import weight
from losses.reconstruction import kl_standard_normal
from trainers import autoencoder


def add_flags(group):
    """Declares the flags of this trainer."""
    autoencoder.add_flags(group)
    group.set_defaults(recon_loss="bce_sum")
    group.add_argument(
        "--beta",
        type=weight,
        default=1.0,
        help="weight of the KL divergence, summed over dimensions (default 1: a VAE; the experiments use 10 "
        "and 11)",
    )


def get_trainer(nets, args):
    """A BetaVAE. Raises UserError where flags contradict one another or the networks."""
    return BetaVAE(nets, args)


class BetaVAE(autoencoder.Autoencoder):
    """Autoencoder with a Gaussian code near N(0, I) (Higgins et al. 2017). The encoder's output holds means,
    then log variances."""

    accumulates = ("enc", "dec", "probe")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        if not getattr(self.enc, "variational", False):
            raise UserError(
                f"--network: the encoder of {args.network} gives no log variances; use --network_args "
                "vae=True, if it has it"
            )
        self.code_shape = tuple(self.enc.code_shape)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x, log, means = batch["x"], {}, []

        def terms(x, y):
            mean, log_var = self.enc(x).chunk(2, 1)
            means.append(mean.detach())
            noise = accumulation.rows(lambda n: torch.randn_like(mean.new_empty(n, *mean.shape[1:])), len(x))
            recon = self.dec(mean + (log_var / 2).exp() * noise)
            kl = {"kl": (self.args.beta, kl_standard_normal(mean, log_var))}
            return self.recon_terms(x, recon, mean, {"y": y}) | kl

        if self.due(step):
            log = self.update("ae", terms, x, batch.get("y"))
        elif self.probed:
            with torch.no_grad():
                means.append(self.code(self.enc(x)))
        return log | self.probe_step(accumulation.joined(means), batch) if self.probed else log

    def code(self, h):
        """The means."""
        return h.chunk(2, 1)[0]

    def sample(self, n):
        """n images decoded from z ~ N(0, I), [n, C, H, W]."""
        return self.decode(self.normal(n, *self.code_shape))

    def diagnose(self, batch):
        """KL of each dimension would be many numbers; the active ones, with a mean KL above 0.01, are
        counted."""
        with torch.no_grad():
            mean, log_var = self.enc(batch["x"]).flatten(1).chunk(2, 1)
            kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).mean(0)
        return {"ae/active_dims": (kl > 0.01).sum().float()}
