"""Autoencoders: what all of them share, and the plain one, which has no adversary. One step of the plain one:

  1  every update_g_every-th step: enc and dec minimise lamb R(dec(enc(x)), x)
  2  the probe, a linear classifier, minimises its cross-entropy on the code, held constant

Beckham et al. 2019, "On Adversarial Mixup Resynthesis" (arXiv 1903.02709), and its code. This is not that
code's "baseline", which has an adversary on reconstructions: trainers/amr.py --disable_mix. The other
autoencoders are amr, acai, beta_vae and class_mixing.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from engine import accumulation, distributed
from engine.errors import UserError
from engine.flags import positive, weight
from engine.randomness import examples, random_images
from losses.mixing import MIXERS, mix
from losses.reconstruction import LABELLED, NEEDS_RANGE, RECONSTRUCTION
from trainers import codes, penalised
from trainers.base import Check

# roles of the network files that not every autoencoder has a use for
SPARE = ("disc", "probe", "class_mixer")


def add_flags(group):
    """Declares the flags of all autoencoders; defaults are those of Beckham et al. 2019's code unless said
    otherwise."""
    group.add_argument(
        "--lamb",
        type=weight,
        default=1.0,
        help="weight of the reconstruction (default 1; the experiments use 2 to 50)",
    )
    group.add_argument(
        "--recon_loss",
        choices=RECONSTRUCTION,
        default="l1",
        help="distance of a reconstruction: mean |.| (l1), mean square (l2), binary cross-entropy of a "
        "decoder with a tanh, averaged (bce) or summed (bce_sum) over pixels (default l1; l2 with "
        "--acai=paper)",
    )
    group.add_argument(
        "--weight_decay",
        type=weight,
        default=0.0,
        help="L2 penalty inside Adam, on every network's parameters, norms and biases included (default 0; "
        "the experiments use 1e-5)",
    )
    group.add_argument(
        "--update_g_every",
        type=positive,
        default=1,
        help="one step of the autoencoder in so many of the discriminator and the probe "
        "(default 5 with an adversary; 1 without, and with --acai=paper)",
    )
    group.add_argument(
        "--mixer",
        choices=MIXERS,
        default="mixup",
        help="how codes are mixed, in training and by the interp modes: by one weight an example (mixup) or "
        "a channel (mixup2); whole channels from one example each, Bernoulli(1/2) (fm) or Bernoulli(p), p "
        "one a batch (fm2) (default mixup)",
    )
    group.add_argument(
        "--cls_probe",
        choices=("auto", "linear", "none"),
        default="auto",
        help="a linear classifier of the code, trained beside (default auto: where the data has labels)",
    )
    group.add_argument(
        "--cls_probe_weight", type=weight, default=1.0, help="weight of the probe's loss (default 1)"
    )
    group.add_argument(
        "--cls_probe_weight_decay",
        type=weight,
        default=0.0,
        help="the probe's own weight decay (default 0: that of --weight_decay)",
    )
    group.add_argument("--bpc", action="store_true", help="the encoder learns from the probe's loss too")
    group.add_argument(
        "--probe_every",
        changes_run=False,
        type=positive,
        default=1,
        help="epochs between measurements of the probe's accuracy (default 1)",
    )
    codes.add_mode_flags(group)


def add_adversarial_flags(group):
    """Declares the flags of autoencoders that have a discriminator."""
    group.add_argument(
        "--gan_loss",
        choices=LABELLED,
        default="bce",
        help="loss of D's probability against its label: bce, or mse (default bce; mse of the score with "
        "--acai=paper)",
    )
    group.add_argument(
        "--beta",
        type=weight,
        default=1.0,
        help="weight of mean |enc(x_mix) - h_mix|, the consistency of mixes in code space (default 1; the "
        "experiments use 0)",
    )
    penalised.add_flag(group, "D's output on images and mixes")
    group.add_argument("--disable_g_recon", action="store_true", help="reconstructions are not shown to D")
    group.set_defaults(update_g_every=5)


def get_trainer(nets, args):
    """A PlainAutoencoder. Raises UserError where the flags and the networks do not go together."""
    return PlainAutoencoder(nets, args)


class Autoencoder(codes.Coder):
    """enc, dec and their optimiser "ae"; the online probe; what the modes ask for. A subclass writes
    train_step.

    learnt: the roles that "ae" updates.
    """

    roles = ("enc", "dec")
    optional_roles = ("probe",)
    learnt = ("enc", "dec")

    def __init__(self, nets, args):
        nets = {
            role: net
            for role, net in nets.items()
            if role in self.roles + self.optional_roles or role not in SPARE
        }
        if args.cls_probe == "linear" and "probe" not in nets:
            raise UserError(
                f"--cls_probe=linear: {args.network} gives no probe for this data (has it labels?); "
                "use --cls_probe=none"
            )
        if args.cls_probe == "none":
            nets.pop("probe", None)
        if args.bpc and "probe" not in nets:
            raise UserError(
                "--bpc: there is no probe whose loss the encoder could learn from; use data with labels"
            )
        super().__init__(nets, args)
        if args.recon_loss in NEEDS_RANGE and not has_range(self.dec):
            raise UserError(
                f"--recon_loss={args.recon_loss}: the decoder of {args.network} may leave [-1, 1]; "
                "use --network_args output=tanh, or --recon_loss=l1"
            )
        self.distance = RECONSTRUCTION[args.recon_loss]
        self.probed = "probe" in nets
        self.held_out = None  # a batch to draw pictures of; no state, the data gives it
        for role in ("enc", "dec"):
            self.average(role, args.ema)
        self.optimise("ae", *(getattr(self, role) for role in self.learnt), weight_decay=args.weight_decay)
        if self.probed:
            self.optimise("probe", self.probe, weight_decay=args.cls_probe_weight_decay or args.weight_decay)

    # --- for algorithms

    def due(self, step):
        """Whether the autoencoder is updated at this step."""
        return step % self.args.update_g_every == 0

    def recon_terms(self, x, recon, h, batch):
        """What every autoencoder minimises: the reconstruction and, with --bpc, the probe's loss."""
        terms = {"recon": (self.args.lamb, self.distance(recon, x))}
        if self.args.bpc:
            terms["probe"] = self.probe_loss(h, batch)
        return terms

    def probe_step(self, h, batch):
        """One step of the probe on codes h [N, ...], of which no gradient is made; nothing where there is no
        probe."""
        return self.update("probe", {"ce": self.probe_loss(h.detach(), batch)}) if self.probed else {}

    def probe_loss(self, h, batch):
        """The probe's cross-entropy with its weight, (weight, [N])."""
        loss = F.cross_entropy(self.probe(h.flatten(1)), batch["y"], reduction="none")
        return self.args.cls_probe_weight, loss

    # --- for the loop and the modes

    def checks(self, x):
        """Codes that the decoder takes, images that it returns, and D's output where there is a D."""
        found = [
            Check("enc", lambda: self.enc(x)),
            Check("dec", lambda: self.dec(self.code(self.enc(x))), x.shape),
        ]
        return [*found, Check("disc", lambda: self.disc(x), (2,))] if "disc" in self.roles else found

    def decode(self, h):
        """Images [N, C, H, W] of codes [N, ...]."""
        return self.sampling_net("dec")(h)

    def interpolate(self, h, other, p):
        """A mix of the codes, h [N, ...] where p = 1 and `other` where p = 0, by --mixer."""
        return self.combine((h, other), (p, 1 - p))

    def combine(self, hs, shares):
        """A mix of k codes [N, ...] with k shares that sum to 1, by --mixer."""
        n, channels = hs[0].shape[:2]
        return mix(hs, MIXERS[self.args.mixer](n, channels, len(hs), shares, hs[0].device))

    def sample(self, n):
        """Raises UserError: an autoencoder has no distribution of codes to draw from."""
        raise UserError(
            "--mode=sample: this autoencoder has no prior over codes; use --mode=interp_valid, or "
            "a run of trainers/beta_vae.py"
        )

    def sample_fns(self, data, split="test"):
        """{"mix", "recon"}: functions of n that give n mixes, or reconstructions, of random images of a
        split; for --mode=evaluate."""
        some = random_images(data[split if split in data else "train"])
        return {"mix": lambda n: self.mixes(some(n)), "recon": lambda n: self.decode(self.encode(some(n)))}

    def mixes(self, x):
        """Images [N, C, H, W] decoded from mixes of the codes of x by --mixer, as training makes them."""
        h = self.encode(x)
        return self.decode(
            mix(
                (h, h[torch.randperm(len(h), device=h.device)]),
                MIXERS[self.args.mixer](len(h), h.shape[1], device=h.device),
            )
        )

    def pictures(self, batch):
        """{"train", "valid"}: five rows, x, its reconstruction, a partner, its reconstruction, the mix of
        both in equal shares."""
        batches = {"train": batch["x"]} | ({"valid": self.held_out["x"]} if self.held_out is not None else {})
        return {name: self.rows(x[: math.isqrt(self.args.samples - 1) + 1]) for name, x in batches.items()}

    def rows(self, x):
        """[5, n, C, H, W]."""
        h, other = self.encode(x), x.roll(1, 0)
        return torch.stack(
            [
                x,
                self.decode(h),
                other,
                self.decode(h.roll(1, 0)),
                self.decode(self.interpolate(h, h.roll(1, 0), 0.5)),
            ]
        )

    def measures(self, data):
        """Each --probe_every epochs: accuracies of the probe on valid and test, and the distance of
        reconstructions on valid."""
        if "valid" in data:
            n = max(2, math.isqrt(self.args.samples - 1) + 1)
            self.held_out = examples(data["valid"], n, getattr(self.args, "vis_seed", 0))
        every = self.args.steps_per_epoch * self.args.probe_every
        return [
            (every, lambda step: self.held_out_means({s: data[s] for s in ("valid", "test") if s in data}))
        ]

    def held_out_means(self, splits):
        """{"probe/<split>_acc", "ae/<split>_recon"} over whole splits and all processes."""
        values = {}
        with self.evaluating():
            for split, batches in splits.items():
                sums = torch.zeros(3, dtype=torch.float64, device=self.device)
                for batch in batches:
                    h = self.code(self.enc(batch["x"]))
                    right = (
                        (self.probe(h.flatten(1)).argmax(1) == batch["y"]).sum()
                        if self.probed
                        else h.new_zeros(())
                    )
                    distance = (
                        self.distance(self.dec(h), batch["x"]).sum() if split == "valid" else h.new_zeros(())
                    )
                    sums += torch.stack([right.double(), distance.double(), sums.new_tensor(len(h))])
                right, distance, n = distributed.sum_over([sums])[0].tolist()
                values |= {f"probe/{split}_acc": right / n} if self.probed else {}
                values |= {f"ae/{split}_recon": distance / n} if split == "valid" else {}
        return values


class PlainAutoencoder(Autoencoder):
    """lamb R(dec(enc(x)), x), and nothing else."""

    accumulates = ("enc", "dec", "probe")

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x, log, made = batch["x"], {}, []

        def terms(x, y):
            h = self.enc(x)
            made.append(h.detach())
            return self.recon_terms(x, self.dec(h), h, {"y": y})

        if self.due(step):
            log = self.update("ae", terms, x, batch.get("y"))
        else:
            with torch.no_grad():
                made.append(self.enc(x))
        return log | self.probe_step(accumulation.joined(made), batch)


def has_range(decoder):
    """Whether the decoder's output lies in [-1, 1]: its last layer is a tanh."""
    return isinstance(list(decoder.modules())[-1], (nn.Tanh, nn.Hardtanh))
