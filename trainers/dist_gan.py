"""Dist-GAN: an autoencoder (E, G) restrains a GAN.

Reconstructions count as real, and distances between codes shall be those between images. Tran et al. 2018
(Dist-GAN, arXiv 1803.08887) and, with a rotation task, 2019 (SS- and MS-Dist-GAN, arXiv 1911.06997), as in
their code. One step, t of N, each line on images x and noise z of its own:

  1  z_e = E(x), x_r = G(z_e), x_f = G(z); E [and G] minimise
     mean (Phi(x) - Phi(x_r))^2 + lambda_r (mean(Phi(x_r) - Phi(x_f)) - lambda_w mean(z_e - z))^2
  2  D minimises w_r l_real(D(x)) + w_c l_real(D(x_r)) + l_fake(D(x_f)) + lambda_p (slope of D - 1)^2
     + lambda_d CE of its task + penalties
  3  G minimises |mean sigmoid(D(x)) - mean sigmoid(D(x_f))| + lambda_g |CE(C(R_k x_f), k) - CE(C(R_k x), k)|

Phi: D's last hidden state, m values; lambda_w = sqrt(z_dim / m); w_r = 0.95 + mu, w_c = 0.05 - mu, mu from 0
at N/2 to 0.05 at 3N/4. Line 2 is done --d_steps times, line 3 --g_steps times. The images are slices of the
batch: --batch_size is 1 + d_steps + g_steps times what each line sees. Differs from the original: hinge of
logits, and a penalty with the right sign, where its code has neither (--official_quirks brings them back);
softmax cross-entropy and exact rotations; batch norm's running statistics, for samples, are those of G(z)
alone.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from engine.errors import UserError
from engine.flags import Plan, count, positive, weight
from losses import distances, rotation
from losses.adversarial import OBJECTIVES
from losses.penalties import Context, gradient_penalty
from trainers import codes, g_steps, self_supervised
from trainers.base import Check, parts
from trainers.batchnorm import batch_norms, by_batch, compares_examples, keeping_statistics

LOSSES = {"log": OBJECTIVES["jsgan"], "hinge": OBJECTIVES["hinge"]}


class Reading(NamedTuple):
    """What the losses leave open: how the paper is read, or, by --official_quirks, its published code.

    verdict: what the objective is applied to, of D's logits. recon_label: of reconstructions in D's loss, 1
    is real. penalty_sign: of the gradient penalty. classify: the rotation task's loss. batch_statistics:
    whether samples are normalised by their batch of 64 instead of running statistics.
    """

    verdict: Callable = lambda logits: logits
    recon_label: int = 1
    penalty_sign: int = 1
    classify: Callable = rotation.cross_entropy
    batch_statistics: bool = False


# name: (what it is, what it changes)
QUIRKS = {
    "sigmoid_hinge": ("the hinge of sigmoid(D), never clipped", {"verdict": torch.sigmoid}),
    "negative_penalty": ("the penalty subtracted", {"penalty_sign": -1}),
    "recon_fake": ("reconstructions labelled generated, as in its 2-D toy", {"recon_label": 0}),
    "batch_statistics": ("samples by the statistics of their batch of 64", {"batch_statistics": True}),
    "one_hot_bce": (
        "binary cross-entropies of one-hot classes, the port's",
        {"classify": rotation.one_hot_bce},
    ),
}


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of the original's residual networks on CIFAR-10
    (tntrung/msgan)."""
    group.add_argument(
        "--loss",
        choices=LOSSES,
        default="hinge",
        help="D's objective: of probabilities, or hinge (default hinge)",
    )
    group.add_argument(
        "--lambda_r",
        type=weight,
        default=1.0,
        help="weight of the latent-data distance (default 1; Stacked MNIST 0.01, toys 0.1)",
    )
    group.add_argument(
        "--lambda_p",
        type=weight,
        default=0.5,
        help="weight of the gradient penalty (default 0.5; tntrung/gan 1, toys 0.1)",
    )
    group.add_argument(
        "--penalty_norm",
        choices=("rms", "l2"),
        default="rms",
        help="slope of D: |gradient| / sqrt(dimensions) (rms; the original's), "
        "or |gradient| (l2; the port's and the 1-D toy's) (default rms)",
    )
    group.add_argument(
        "--scale",
        choices=("auto", "unit", "given"),
        default="auto",
        help="distances and slopes in data moved from [-1, 1] to [0, 1] (unit; the original's "
        "images), or as it is given (default auto: unit for images, given for points)",
    )
    group.add_argument(
        "--ae_updates",
        choices=("enc", "enc+gen"),
        default="enc",
        help="networks that the autoencoder's step updates (default enc; "
        "MNIST, Stacked MNIST and toys enc+gen)",
    )
    group.add_argument(
        "--ae_optimisers",
        choices=("one", "two"),
        default="one",
        help="reconstruction and latent-data distance: their sum by one optimiser, "
        "or one after the other, afresh, by two (default one; two: the port's change)",
    )
    group.add_argument(
        "--reg_features",
        choices=("recon", "real"),
        default="recon",
        help="the latent-data distance's first argument: Phi(x_r), or Phi(x) "
        "(default recon; real: the port, and the 1-D toy)",
    )
    group.add_argument(
        "--phi",
        choices=("features", "data"),
        default="features",
        help="Phi: D's last hidden state, or the data itself, as in the toys (default features)",
    )
    group.add_argument(
        "--recon_loss",
        choices=("l2", "bce"),
        default="l2",
        help="distance of Phi(x) and Phi(x_r): mean square, or, with --phi=data in [0, 1], "
        "cross-entropy (default l2; 2-D toy bce)",
    )
    group.add_argument(
        "--weights",
        choices=distances.WEIGHTS,
        default="moving",
        help="of real and reconstructed images in D's loss: .95 + mu, .05 - mu (moving); "
        ".95, .05 (fixed); .5, .5 (half; 1-D toy) (default moving)",
    )
    group.add_argument(
        "--mu_steps",
        planned=Plan("the moving weights' way", "weights", ("moving",)),
        type=count,
        default=0,
        help="N, the steps that the moving weights stretch over (default 0: schedule_steps)",
    )
    group.add_argument(
        "--d_steps",
        type=positive,
        default=1,
        help="steps of D in each step (default 1; 1-D toy 3, 2-D toy 5)",
    )
    g_steps.add_flag(group, "images and z")
    group.add_argument(
        "--official_quirks",
        nargs="*",
        choices=QUIRKS,
        default=[],
        help="oddities of the published code, to measure what they do: "
        + "; ".join(f"{name}: {what}" for name, (what, _) in QUIRKS.items())
        + " (default none)",
    )
    self_supervised.add_flags(group, "none", 0.5, 0.0, "match")
    codes.add_mode_flags(group)
    group.resolve(completed)


def completed(args):
    """{flag: value}: the quirks in one order, for the same set is the same run; N, or a longer run would have
    other weights from its first step on."""
    moving = {"mu_steps": args.mu_steps or args.schedule_steps} if args.weights == "moving" else {}
    return {"official_quirks": sorted(set(args.official_quirks))} | moving


def get_trainer(nets, args):
    """A DistGAN. Raises UserError where the flags and the networks do not go together."""
    return DistGAN(nets, args)


class DistGAN(self_supervised.SelfSupervised, codes.Coder):
    """GAN restrained by an autoencoder (Tran et al. 2018), with a rotation task (Tran et al. 2019)."""

    roles = ("gen", "enc", "disc")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.reading = Reading()
        for name in args.official_quirks:
            self.reading = self.reading._replace(**QUIRKS[name][1])
        self.norms = batch_norms(self.gen)
        self.penalties = self.penalise(args.penalty, "disc")
        self.check_flags()
        self.objective, self.weights = LOSSES[args.loss], distances.WEIGHTS[args.weights]
        self.classify = self.reading.classify
        points = tuple(args.data_shape[:2]) == (1, 1)
        self.unit = args.scale == "unit" or (args.scale == "auto" and not points)
        self.steepness = (0.5 if self.unit else 1.0) * (
            math.sqrt(math.prod(args.data_shape)) if args.penalty_norm == "rms" else 1.0
        )
        if args.lambda_p > 0:
            self.twice_differentiated += ("disc",)
        self.average("gen", args.ema)
        updated = (self.enc, self.gen) if args.ae_updates == "enc+gen" else (self.enc,)
        self.optimise("ae", *updated)
        if args.ae_optimisers == "two":
            self.optimise("reg", *updated)
        self.optimise("disc", self.disc)
        self.optimise("gen", self.gen)

    def prepare(self, batch):
        """Data-dependent initialisation. Refuses a cross-entropy of values that may leave [0, 1]."""
        super().prepare(batch)
        if self.args.recon_loss == "bce":
            x = batch["x"][:2]
            with self.evaluating():
                ends = self.phi(torch.cat([x, self.gen(self.noise(len(x)) * 1e4)]))
            if not 0 <= ends.min() <= ends.max() <= 1:
                raise UserError(
                    "--recon_loss=bce: needs data in [0, 1] and a generator that cannot leave it; use "
                    "--scale=unit with "
                    "--network_args gen_out=tanh, or --scale=given with gen_out=sigmoid and data in [0, 1]"
                )

    def checks(self, x):
        """Trainer.checks, and codes as long as noise."""
        return [*super().checks(x), Check("enc", lambda: self.enc(x), (2, self.args.z_dim), CODE_HINT)]

    def on_step_start(self, step, share=1.0):
        """Sets the weights of the step too."""
        super().on_step_start(step, share)
        self.w_real, self.w_recon = self.weights(step / max(self.args.mu_steps, 1))

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms, of D's steps the last."""
        d_steps = self.args.d_steps
        first, *others = parts(batch["x"], 1 + d_steps + self.args.g_steps)
        log = self.ae_step(first)
        for x in others[:d_steps]:
            log |= self.update("disc", self.d_terms(x, step))
        for x in others[d_steps:]:
            log |= self.update("gen", self.g_terms(x))
        return log

    # --- 1, the autoencoder

    def ae_step(self, x):
        """Both losses at once, or, with --ae_optimisers=two, one after the other, each computed from the
        parameters as they then are."""
        z = self.noise(len(x))
        with torch.no_grad():
            phi = self.phi(x)
        z_e, phi_r = self.reconstructed(x)
        if self.args.ae_optimisers == "one":
            return self.update("ae", self.recon_term(phi, phi_r) | self.reg_term(phi, phi_r, z_e, z))
        log = self.update("ae", self.recon_term(phi, phi_r))
        z_e, phi_r = self.reconstructed(x)
        return log | self.update("reg", self.reg_term(phi, phi_r, z_e, z))

    def reconstructed(self, x):
        """(E(x), Phi(x_r)), [n, z_dim] and [n, m]."""
        z_e = self.enc(x)
        return z_e, self.phi(self.reconstruct(z_e))

    def recon_term(self, phi, phi_r):
        """{"recon": [n]}, the distance of Phi(x) and Phi(x_r), a mean over features."""
        distance = (
            nn.functional.binary_cross_entropy if self.args.recon_loss == "bce" else nn.functional.mse_loss
        )
        with torch.autocast(phi.device.type, enabled=False):  # no cross-entropy of probabilities in float16
            return {"recon": distance(phi_r, phi, reduction="none").mean(1)}

    def reg_term(self, phi, phi_r, z_e, z):
        """{"reg": scalar}, nothing for lambda_r = 0; G(z) has a gradient where the step updates G."""
        if self.args.lambda_r == 0:
            return {}
        with torch.set_grad_enabled(self.args.ae_updates == "enc+gen"):
            phi_f = self.phi(self.gen(z))
        first = phi_r if self.args.reg_features == "recon" else phi
        weight = math.sqrt(z.shape[1] / phi.shape[1])
        distance = distances.latent_data_distance(first - phi_f, z_e - z, weight, self.mean)
        return {"reg": (self.args.lambda_r, distance)}

    def phi(self, x):
        """Phi, [n, m], of images or points."""
        if self.args.phi == "data":
            return ((x + 1) / 2 if self.unit else x).flatten(1)
        return self.trunk(x=x)["x"].flatten(1)

    def reconstruct(self, z_e):
        """G(z_e), which leaves the running statistics of G's batch norms as they are.

        Samples need those of G(z), and codes are spread otherwise than z.
        """
        with keeping_statistics(self.norms):
            return self.gen(z_e)

    # --- 2, the discriminator

    def d_terms(self, x, step=0):
        """The terms of D's loss, each [n] or (weight, [n])."""
        with torch.no_grad():
            x_r, x_f = self.reconstruct(self.enc(x)), self.gen(self.noise(len(x)))
        turned, turn = self.d_images(x, x_f)
        h = self.trunk(real=x, recon=x_r, fake=x_f, turned=turned)
        logits = {name: self.logits(h[name]) for name in ("real", "recon", "fake")}
        real, recon, fake = map(self.reading.verdict, logits.values())
        terms = {
            "real": (self.w_real, self.objective.d_real(real)),
            "recon": (self.w_recon, self.objective.d(recon, self.reading.recon_label)),
            "fake": self.objective.d_fake(fake),
        }
        if self.args.lambda_p > 0:
            terms["gp"] = self.reading.penalty_sign * self.args.lambda_p, self.penalty(x, x_f)
        if self.d_task:
            terms["rotation"] = self.args.lambda_d, self.task_loss(h["turned"], turn)
        return terms | self.penalties(
            Context(self.disc, x, x_f, logits, step=step, mean=self.mean, generator=self.generator)
        )

    def penalty(self, x, x_f):
        """(slope - 1)^2, [n], between real and generated examples.

        The slope is |gradient| in coordinates v = s x: s = 1/2 for images moved to [0, 1], where a gradient
        is twice that in [-1, 1], times sqrt(dimensions) for the root of the mean square.
        """
        s = self.steepness
        return gradient_penalty(Context(lambda v: self.disc(v / s), s * x, s * x_f))

    # --- 3, the generator

    def g_terms(self, x):
        """The terms of G's loss, scalars."""
        x_f = self.gen(self.noise(len(x)))
        turned_real, turned, turn = self.g_images(x, x_f)
        h = self.trunk(fake=x_f, turned=turned)
        with torch.no_grad():
            of_real = self.trunk(x=x, turned=turned_real)
            p_real = torch.sigmoid(self.logits(of_real["x"]))
        terms = {"match": distances.gap(p_real, torch.sigmoid(self.logits(h["fake"])), self.mean)}
        if self.g_task:
            terms["rotation"] = self.task_term(h["turned"], of_real["turned"], turn)
        return terms

    # --- for the loop and the modes

    def generate(self, z):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        if not self.reading.batch_statistics:
            return self.sampling_net("gen")(z)
        batches = [*z.split(64)]
        if len(batches[-1]) == 1:  # an image alone has no statistics: it joins the batch before, or itself
            batches[-2:] = [torch.cat(batches[-2:])] if len(batches) > 1 else [z.repeat(2, 1)]
        return torch.cat([self.decode(batch) for batch in batches])[: len(z)]

    def decode(self, h):
        """Images [N, C, H, W] of codes [N, z_dim], normalised by the statistics of their batch as in
        training.

        Running ones are those of G(z), and codes are spread otherwise than z.
        """
        gen = self.sampling_net("gen")
        with by_batch(gen):
            return gen(h if len(h) > 1 else h.repeat(2, 1))[: len(h)]  # one code alone has no statistics

    def pictures(self, batch):
        """Samples, and pairs of rows: images, their reconstructions."""
        side, x = math.isqrt(self.args.samples - 1) + 1, batch["x"]
        return {
            "": self.sample(self.args.samples),
            "recon": torch.stack([x[:side], self.decode(self.encode(x))[:side]]),
        }

    @torch.no_grad()
    def diagnose(self, batch):
        """Moments of the codes, over all dimensions, and of the prior; D's weights; sigmoid(D) of real,
        reconstructed and generated images; the head's accuracies.

        Batch norms use their batch's statistics, so that these are the networks as they train.
        """
        with by_batch(self.gen, self.enc, self.disc):
            return self.diagnosis(parts(batch["x"], 1 + self.args.d_steps + self.args.g_steps)[0])

    def diagnosis(self, x):
        """diagnose, of images [n, C, H, W]."""
        z, z_e = self.noise(len(x)), self.enc(x)
        x_f, x_r = self.gen(z), self.gen(z_e)
        values = {f"enc/{name}": value for name, value in moments(z_e).items()}
        values |= {
            f"enc/prior_{name}": x.new_tensor(value) for name, value in PRIORS[self.args.z_dist].items()
        }
        values |= {"weights/real": x.new_tensor(self.w_real), "weights/recon": x.new_tensor(self.w_recon)}
        values |= {
            f"score/{name}": self.probability(images).mean()
            for name, images in (("real", x), ("recon", x_r), ("fake", x_f))
        }
        return values | self.task_accuracies(x, x_f)

    def check_flags(self):
        """Raises UserError, or warns, where flags contradict one another or the discriminator."""
        args, quirks = self.args, self.args.official_quirks
        self.warn_if_unused(args.weights == "moving", "--weights=moving", "mu_steps")
        self.warn_if_unused(args.lambda_r > 0, "--lambda_r", "reg_features")
        self.warn_if_unused(args.lambda_p > 0, "--lambda_p", "penalty_norm")
        self.warn_if_unused(args.lambda_p > 0 or args.phi == "data", "--lambda_p or --phi=data", "scale")
        if "batch_statistics" in quirks and not self.norms:
            self.warnings.append(
                "--official_quirks batch_statistics: does nothing without batch norm in the generator"
            )
        if args.phi == "features" and not self.last_layer:
            raise UserError(
                f"--phi=features: the discriminator of {args.network} has no hidden states to compare; use "
                "--phi=data"
            )
        if args.recon_loss == "bce" and args.phi != "data":
            raise UserError("--recon_loss=bce: needs data in [0, 1]; use --phi=data, or --recon_loss=l2")
        if "sigmoid_hinge" in quirks and args.loss != "hinge":
            raise UserError(
                f"--official_quirks sigmoid_hinge: given with --loss={args.loss}; use --loss=hinge"
            )
        if "one_hot_bce" in quirks and args.self_supervised == "none":
            raise UserError(
                "--official_quirks one_hot_bce: there are no classes; use --self_supervised=ss or ms"
            )
        if "negative_penalty" in quirks and args.lambda_p == 0:
            raise UserError(
                "--official_quirks negative_penalty: there is no penalty with --lambda_p=0; use a weight "
                "above 0"
            )
        if args.ae_optimisers == "two" and args.lambda_r == 0:
            raise UserError(
                "--ae_optimisers=two: there is no second loss with --lambda_r=0; use --ae_optimisers=one"
            )
        if args.lambda_p > 0 and args.penalty.get("gp"):
            raise UserError("--penalty gp: D's loss has a gradient penalty already; set --lambda_p alone")
        if compares_examples(self.disc) and (args.lambda_p > 0 or self.penalties.twice_differentiated()):
            self.warnings.append(
                "--lambda_p, --penalty: the discriminator has batch norm, so its gradients mix examples; use "
                "--network_args norm=None, if it has it"
            )


CODE_HINT = "codes must be as long as --z_dim says; variational=True, where it is an option, doubles a code"


# mean, variance and kurtosis E (z - mean)^4 / variance^2 of --z_dist
PRIORS = {
    "uniform": {"mean": 0.0, "variance": 1 / 3, "kurtosis": 1.8},
    "normal": {"mean": 0.0, "variance": 1.0, "kurtosis": 3.0},
}


def moments(values):
    """{"mean", "variance", "kurtosis"} of all values of a tensor; kurtosis E (v - mean)^4 / variance^2, 3 for
    a Gaussian."""
    mean = values.mean()
    centred = values - mean
    variance = centred.square().mean()
    return {"mean": mean, "variance": variance, "kurtosis": centred.pow(4).mean() / variance.square()}
