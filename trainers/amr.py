"""Adversarial mixup resynthesis: an autoencoder whose decoded mixes of codes must look real to a
discriminator.

Beckham et al. 2019 (arXiv 1903.02709). l is a loss of D's probability against a label, R a distance. One
step:

  1  h = enc(x), x^ = dec(h); h_mix = sum_i w_i h[pi_i] over k examples, w as --mixer draws it;
     x_mix = dec(h_mix)
  2  every update_g_every-th step: enc and dec minimise
     lamb R(x^, x) + l(D(x^), 1) + l(D(x_mix), 1) + beta |enc(x_mix) - h_mix|
  3  D minimises l(D(x), 1) + l(D(x^), 0) + l(D(x_mix), 0) + penalties, x^ and x_mix of line 1 held constant
  4  the probe, as in trainers/autoencoder.py

--disable_mix leaves out x_mix (the experiments' "baseline": an adversary on reconstructions),
--disable_g_recon D's terms of x^. Differs from the paper's code: consistency is a distance of codes (there:
the image's loss R, which has no meaning for codes if it is a cross-entropy); k examples are mixed as written
above (there: k > 2 with fm lost all but one's channels).
"""

import torch

from engine.errors import UserError
from engine.flags import number
from losses import reconstruction
from losses.mixing import MIXERS, mix, partners
from losses.penalties import Context
from trainers import autoencoder

MODELS = {"swapgan": 2, "threegan": 3, "kgan": None}  # the original's names, and their k
ELSEWHERE = {"acaif3": "acai", "acaif": "acai", "vae": "beta_vae", "swapgan_sup": "class_mixing"}


def model(text):
    """A type for --model: a name of MODELS."""
    if text in ELSEWHERE:
        import argparse

        raise argparse.ArgumentTypeError(f"given {text!r}; use --trainer=trainers/{ELSEWHERE[text]}.py")
    if text not in MODELS:
        raise ValueError
    return text


def add_flags(group):
    """Declares the flags of this trainer."""
    autoencoder.add_flags(group)
    autoencoder.add_adversarial_flags(group)
    group.add_argument(
        "--model",
        type=model,
        default="kgan",
        help="the original's name for k: swapgan (2), threegan (3), kgan (as --k says) (default kgan)",
    )
    group.add_argument(
        "--k", type=number(int, 2), default=None, help="how many examples a mix is of (default 2)"
    )
    group.add_argument(
        "--disable_mix", action="store_true", help="no mixes: an adversary on reconstructions alone"
    )
    group.resolve(lambda args: {"k": order(args)})


def get_trainer(nets, args):
    """An AdversarialMixup. Raises UserError where flags contradict one another or the networks."""
    return AdversarialMixup(nets, args)


class AdversarialMixup(autoencoder.Autoencoder):
    """Autoencoder whose decoded mixes of k codes must look real (Beckham et al. 2019)."""

    roles = ("enc", "dec", "disc")

    def __init__(self, nets, args):
        self.k = args.k
        super().__init__(nets, args)
        if args.disable_mix and args.disable_g_recon:
            raise UserError(
                "--disable_mix, --disable_g_recon: together they leave D nothing to judge; use "
                "--trainer=trainers/autoencoder.py"
            )
        self.on_mix, self.on_recon = not args.disable_mix, not args.disable_g_recon
        self.loss = reconstruction.LABELLED[args.gan_loss]
        self.penalties = self.penalise(args.penalty, "disc")
        self.optimise("disc", self.disc, weight_decay=args.weight_decay)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x, due = batch["x"], self.due(step)
        with torch.set_grad_enabled(due):  # no graph where the autoencoder is not updated
            h = self.enc(x)
            recon = self.dec(h) if due or self.on_recon else None
            h_mix = self.mix(h) if self.on_mix else None
            mixed = self.dec(h_mix) if self.on_mix else None
        log = (
            self.update("ae", self.recon_terms(x, recon, h, batch) | self.ae_terms(recon, h_mix, mixed))
            if due
            else {}
        )
        log |= self.update("disc", self.d_terms(x, recon, mixed, batch.get("y"), step))
        return log | self.probe_step(h, batch)

    def mix(self, h):
        """Mixes of k codes of the batch, [N, ...]; codes [N, C, ...], each mixed with k - 1 that permutations
        pick."""
        weights = MIXERS[self.args.mixer](len(h), h.shape[1], self.k, device=h.device)
        return mix([h[i] for i in partners(len(h), self.k, h.device)], weights)

    def ae_terms(self, recon, h_mix, mixed):
        """The adversarial terms of the autoencoder's loss, each [N]."""
        shown = ({"adv_recon": recon} if self.on_recon else {}) | ({"adv_mix": mixed} if self.on_mix else {})
        terms = {name: self.loss(judged, 1.0) for name, judged in self.shown_to_d(shown).items()}
        if self.on_mix and self.args.beta > 0:
            terms["consistency"] = self.args.beta, reconstruction.l1(self.enc(mixed), h_mix)
        return terms

    def d_terms(self, x, recon, mixed, labels=None, step=0):
        """The terms of D's loss, each [N] or (weight, [N]); recon and mixed are taken as constants.

        Penalties take mixes for the generated images, or reconstructions where there are no mixes.
        """
        shown = (
            {"real": x}
            | ({"recon": recon.detach()} if self.on_recon else {})
            | ({"mix": mixed.detach()} if self.on_mix else {})
        )
        judged = self.shown_to_d(shown)
        terms = {name: self.loss(out, 1.0 if name == "real" else 0.0) for name, out in judged.items()}
        kind = "mix" if self.on_mix else "recon"
        judged["fake"] = judged[kind]
        return terms | self.penalties(
            Context(self.disc, x, shown[kind], judged, None, labels, step, self.mean, self.generator)
        )

    def verdicts(self, batch):
        """Trainer.verdicts, of images and of mixes; of reconstructions where there are no mixes."""
        x = batch["x"]
        fake = self.mixes(x) if self.on_mix else self.dec(self.enc(x))
        return {"disc": tuple(self.disc(shown) for shown in (x, fake))}

    def shown_to_d(self, shown):
        """{name: D(x)} of {name: x}."""
        return dict(zip(shown, self.forward_jointly(self.disc, self.disc, *shown.values())))

    def mixes(self, x):
        """Images decoded from mixes of k codes, as training makes them."""
        return self.decode(self.mix(self.encode(x)))


def order(args):
    """k, from --model and --k. Raises UserError if they contradict one another."""
    named = MODELS[args.model]
    if named and args.k not in (None, named):
        raise UserError(f"--k={args.k}: --model={args.model} mixes {named}; use --model=kgan")
    return named or args.k or 2
