"""GANs with mixup as a regulariser of the discriminator, the objectives and penalties of the field, and its improved techniques.

Verma et al. 2018, "Manifold Mixup", section on GANs; Zhang et al. 2018, "mixup", section 3.8; Salimans et al. 2016, "Improved techniques
for training GANs". One step:

  1  every update_g_every-th step, g_steps times: z ~ p(z); G minimises l_g(D(G(z))), or |E f(x) - E f(G(z))|^2, or both
  2  z ~ p(z) afresh, x~ = G(z) held constant; k ~ U(layers), lam ~ Beta(alpha, alpha)
  3  D minimises l_real(D(x)) + l_fake(D(x~)) + l_fake(d_k(lam h_k(x) + (1 - lam) h_k(x~))) + penalties
  both add |theta - mean of theta so far|^2 with historical_averaging; real_label and fake_label soften l_real and l_fake

Minibatch discrimination and virtual batch norm are layers of the networks. What they start from data, prepare(batch) sets.

Differs from the paper's code: D's fakes are drawn afresh from the G just updated (there: the batch from before G's step), and
update_g_every counts steps of the whole run, alike in all modes (there: afresh each epoch, and not at all with hidden mixup).
"""

import torch

from engine.errors import UserError
from engine.flags import Pairs, count, number, positive, rate, weight
from losses.adversarial import OBJECTIVES, smoothed
from losses.averaging import History
from losses.matching import MATCHING
from losses.mixing import beta_weights, mix, pick
from losses.penalties import PENALTIES, squared_slope, zero_centred
from trainers.base import Trainer, batch_norms, compares_examples, compares_halves

# what G minimises: the verdict of D, the distance of mean features
G_LOSSES = {"adversarial": (True, False), "feature_matching": (False, True), "mixed": (True, True)}

# the layers that a mix is drawn from, one a batch; 0 is the image
MIXUP_LAYERS = {"none": (), "pixel": (0,), "hidden": (1, 0), "vh1": (1, 0), "vh2": (1, 2, 0)}


def mixup_layers(text):
    """A type for --mixup: a name of MIXUP_LAYERS, or layers as in 0,3."""
    if text in MIXUP_LAYERS or all(part.isdigit() for part in text.split(",")):
        return text
    raise ValueError


mixup_layers.__name__ = f"mixup ({', '.join(MIXUP_LAYERS)}, or layers such as 0,2)"


class Weights(Pairs):
    """--penalty's words: names of PENALTIES with weights of at least 0."""

    @staticmethod
    def check(values):
        for name, value in values.items():
            if name not in PENALTIES:
                raise ValueError(f"given {name}={value}; one of {', '.join(PENALTIES)} would do")
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not 0 <= value < float("inf")
            ):
                raise ValueError(f"given {name}={value}; a weight of at least 0 would do")
        return values


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of the GAN code of Verma et al. 2018 unless said otherwise."""
    group.add_argument(
        "--loss",
        choices=OBJECTIVES,
        default="jsgan",
        help="objective: jsgan is the non-saturating GAN, minimax the saturating (default jsgan)",
    )
    group.add_argument(
        "--update_g_every",
        type=positive,
        default=1,
        help="one step of G in so many steps of D (default 1; the experiments use 5)",
    )
    group.add_argument(
        "--mixup",
        type=mixup_layers,
        default="none",
        help="layers of D to mix real and generated examples at, one drawn a batch: none, "
        "pixel (layer 0), hidden = vh1 (1 or 0), vh2 (1, 2 or 0), or a list such as 1,3 (default none)",
    )
    group.add_argument(
        "--mixup_ff", action="store_true", help="mix generated examples with one another too, labelled fake"
    )
    group.add_argument("--alpha", type=rate, default=0.2, help="lam ~ Beta(alpha, alpha) (default 0.2)")
    group.add_argument(
        "--mixup_label",
        choices=("hard", "soft"),
        default="hard",
        help="hard: mixes are fake, a term besides the others; soft: labelled lam, "
        "in place of the others, as in Zhang et al. 2018 (default hard)",
    )
    group.add_argument(
        "--mixup_fold",
        choices=("auto", "on", "off"),
        default="auto",
        help="lam <- min(lam, 1 - lam), real examples never the larger part "
        "(default auto: on with hard labels)",
    )
    group.add_argument(
        "--dnorm",
        type=weight,
        default=0.0,
        help="weight of |grad_x D(x)|^2 on real x, D a probability where the objective has one (default 0)",
    )
    group.add_argument(
        "--dnorm_step",
        choices=("joint", "separate"),
        default="joint",
        help="add dnorm to D's loss, or give it a step of D's optimiser "
        "of its own as the original does (default joint)",
    )
    group.add_argument(
        "--penalty",
        nargs="*",
        action=Weights,
        default={},
        metavar="NAME=WEIGHT",
        help=f"penalties on D's logits: {', '.join(PENALTIES)}, as in "
        "--penalty gp=10 r1=0.1 (default none; gp: Gulrajani et al. 2017, r1 and r2: Mescheder et al. 2018, dragan: Kodali et al. 2017)",
    )

    group.add_argument(
        "--g_loss",
        choices=G_LOSSES,
        default="adversarial",
        help="what G minimises: adversarial, l_g of --loss; feature_matching, the distance of D's mean features of "
        "real and generated examples; mixed, both (default adversarial)",
    )
    group.add_argument(
        "--fm_form",
        choices=MATCHING,
        default="squared",
        help="that distance: squared, |.|^2 (Salimans et al. 2016); mean_squared and absolute, its means over features (their code, "
        "for MNIST and for CIFAR-10) (default squared)",
    )
    group.add_argument(
        "--fm_layer",
        type=count,
        default=None,
        help="layer of D whose features are matched; 0 is the image (default: the last that it offers)",
    )
    group.add_argument("--fm_weight", type=weight, default=1.0, help="weight of feature matching (default 1)")
    group.add_argument(
        "--adv_weight",
        type=weight,
        default=1.0,
        help="weight of l_g beside it, with --g_loss=mixed (default 1)",
    )
    group.add_argument(
        "--g_steps",
        type=positive,
        default=1,
        help="steps of G each time that one is due (default 1; 3 in the code of Salimans et al. 2016 with minibatch discrimination)",
    )
    group.add_argument(
        "--real_label",
        type=number(float, 0, 1, open_low=True),
        default=1.0,
        help="D's target on real examples: 0.9 is one-sided label smoothing (default 1)",
    )
    group.add_argument(
        "--fake_label",
        type=number(float, 0, 1),
        default=0.0,
        help="D's target on generated examples: above 0 is two-sided smoothing, for comparison (default 0)",
    )
    group.add_argument(
        "--g_label",
        type=number(float, 0, 1, open_low=True),
        default=1.0,
        help="G's target for D's probability, as a KL divergence, with --loss=jsgan: half of real_label in the ImageNet code "
        "of Salimans et al. 2016 (default 1: -log D)",
    )
    group.add_argument(
        "--historical_averaging",
        type=weight,
        default=0.0,
        help="weight of |theta - mean of theta so far|^2 in each update of either player (default 0)",
    )


def get_trainer(nets, args):
    """A MixupGAN. Raises UserError where the flags and the networks do not go together."""
    return MixupGAN(nets, args)


class MixupGAN(Trainer):
    """GAN whose D also sees convex mixes, at a random layer, as fake (Verma et al. 2018) or as real to the degree lam (Zhang et al. 2018)."""

    roles = ("gen", "disc")
    gan_weight = 1.0  # of the terms of real, generated and mixed examples in D's loss

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.objective = smoothed(OBJECTIVES[args.loss], args.real_label, args.fake_label, args.g_label)
        self.adversarial, self.matching = G_LOSSES[args.g_loss]
        self.fm_layer = self.last_layer() if args.fm_layer is None else args.fm_layer
        self.joint = compares_halves(self.disc)
        self.layers = layers_of(args.mixup)
        self.penalties = {name: w for name, w in args.penalty.items() if w > 0}
        self.fold = {"on": True, "off": False, "auto": args.mixup_label == "hard"}[args.mixup_fold]
        self.twice_differentiated = ("disc",) if self.penalties or args.dnorm > 0 else ()
        self.check_flags()
        self.slopes = {}  # penalties on D's slope at real or generated examples: name -> which, weight, what of D's logits
        if args.amp == "off" and not (
            self.joint or compares_examples(self.disc) or self.layers and args.mixup_label == "soft"
        ):
            if args.dnorm > 0 and args.dnorm_step == "joint":
                self.slopes["dnorm"] = "real", args.dnorm, self.objective.output
            for name, which in (("r1", "real"), ("r2", "fake")):
                if name in self.penalties:
                    self.slopes[name] = which, self.penalties[name] / 2, lambda logits: logits
        self.sloping = {which for which, *_ in self.slopes.values()}
        self.average("gen", args.ema)
        self.optimise("gen", self.gen)
        self.optimise("disc", self.disc)
        if args.historical_averaging > 0:
            self.histories = torch.nn.ModuleDict(
                {name: History(self.parameters_of(name)) for name in ("gen", "disc")}
            )

    def prepare(self, batch):
        """What networks start from data or noise: a reference batch, weight norm, minibatch discrimination. Refuses other logits and streams than it has a use for."""
        if "x_unlabelled" in batch:
            raise UserError(
                f"--iterator: {self.args.iterator} gives unlabelled images too, which {self.args.trainer} would not look at; "
                "--trainer=trainers/semi_supervised.py, or the base iterator alone, would do"
            )
        self.check_logits(batch["x"])
        self.data_dependent_init(batch["x"])

    def check_logits(self, x):
        """Raises UserError unless the discriminator gives one logit an image."""
        found = self.shape_of_logits(x)
        if found != (2,):
            raise UserError(
                f"--network: the discriminator of {self.args.network} gives {list(found)} for two images; one logit each, [2], would do"
                + (
                    "; several classes go with --trainer=trainers/semi_supervised.py"
                    if len(found) == 2 and found[1] > 1
                    else ""
                )
            )

    def shape_of_logits(self, x):
        """The shape of what the discriminator gives for two images."""
        with self.evaluating():
            return tuple(self.disc(x[:1].expand(2, *x.shape[1:])).shape)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        real, log = batch["x"], {}
        if step % self.args.update_g_every == 0:
            for _ in range(self.args.g_steps):
                log |= self.update("gen", self.g_terms(real))
        with torch.no_grad():
            fake = self.gen(self.noise(len(real)))
        return log | self.d_step(real, self.d_terms(real, fake))

    def d_step(self, real, terms):
        """D's update on the sum of `terms`, and with --dnorm_step=separate another on dnorm. Returns the logged terms."""
        log = self.update("disc", terms)
        if self.args.loss == "wgan" and "disc/real" in log and self.gan_weight > 0:
            log["disc/wasserstein"] = (
                -(log["disc/real"] + log["disc/fake"]) / self.gan_weight
            )  # E D(x) - E D(G(z))
        if self.args.dnorm > 0 and self.args.dnorm_step == "separate":
            # shares Adam's moments with the step before, as the original does
            log |= self.update("disc", {"dnorm": self.args.dnorm * zero_centred(self.probability, real)})
        return log

    def update(self, name, terms):
        """Trainer.update with the term of historical averaging: each update of a player is a step of its history."""
        if self.args.historical_averaging > 0:
            history, parameters = self.histories[name], self.parameters_of(name)
            history.visit(parameters)
            terms = terms | {"history": self.args.historical_averaging * history.penalty(parameters)}
        return super().update(name, terms)

    def shared_buffers(self):
        """Histories are left out: every process makes the same one of the same parameters."""
        names = {id(b) for b in self.histories.buffers()} if self.args.historical_averaging > 0 else ()
        return [b for b in super().shared_buffers() if id(b) not in names]

    def g_terms(self, real):
        """The terms of G's loss, [N] or scalar, on as many generated examples as there are real ones, [N, C, H, W]."""
        terms = {}
        k = self.fm_layer if self.matching else 0
        fake = self.gen(self.noise(len(real)))
        if self.joint:
            h_real, h_fake = self.both_below(real, fake, k)
        else:
            h_fake = self.below(fake, k)
            with torch.no_grad():
                h_real = self.below(real, k)
        if self.adversarial:
            terms["adv"] = (self.args.adv_weight if self.matching else 1) * self.objective.g(
                self.beside(h_real, h_fake, k)
            )
        if self.matching:
            terms["fm"] = self.args.fm_weight * MATCHING[self.args.fm_form](h_real.detach(), h_fake)
        return terms

    def d_terms(self, real, fake):
        """The terms of D's loss, each [N]; real, fake: [N, C, H, W]."""
        k = pick(self.layers) if self.layers else 0
        if (
            self.slopes
        ):  # one pass of D over such examples serves their verdict and the penalties on its slope
            real, fake = (
                x.detach().requires_grad_(which in self.sloping)
                for which, x in (("real", real), ("fake", fake))
            )
            h_real, h_fake = self.below(real, k), self.below(fake, k)
        else:
            h_real, h_fake = self.both_below(real, fake, k)
        weights = beta_weights(len(real), self.args.alpha, self.fold, real.device) if self.layers else None
        soft = self.layers and self.args.mixup_label == "soft"
        states = {} if soft else {"real": h_real, "fake": h_fake}
        if self.layers:
            states["mix"] = mix((h_real, h_fake), weights)
        if self.args.mixup_ff:
            partner = torch.randperm(len(fake), device=fake.device)
            states["mix_ff"] = mix((h_fake, h_fake[partner]), weights)
        logits = self.verdicts(states, h_real, k)
        terms = {
            name: (self.objective.d_real if name == "real" else self.objective.d_fake)(l)
            for name, l in logits.items()
        }
        if soft:
            terms["mix"] = torch.lerp(terms["mix"], self.objective.d_real(logits["mix"]), weights[0])
        for name, (which, w, output) in self.slopes.items():
            terms[name] = w * squared_slope(output(logits[which]), real if which == "real" else fake)
        if self.args.dnorm > 0 and self.args.dnorm_step == "joint" and "dnorm" not in self.slopes:
            terms["dnorm"] = self.args.dnorm * zero_centred(self.probability, real)
        for name, w in self.penalties.items():
            if name not in self.slopes:
                terms[name] = w * PENALTIES[name](self.score, real.detach(), fake.detach())
        return terms

    def below(self, x, k):
        """h_k(x); h_0 is x, whatever the discriminator."""
        return self.disc(x, stop=k) if k else x

    def both_below(self, real, fake, k):
        """h_k of real and of generated examples; of a joint batch, if D judges them so, whose norms see both halves."""
        if not k:
            return real, fake
        if self.joint:
            return self.disc(torch.cat([real, fake]), stop=k).chunk(2)
        return self.forward_jointly(self.disc, lambda x: self.below(x, k), real, fake)

    def above(self, h, k):
        """d_k(h), logits [N]."""
        return self.disc(h, start=k) if k else self.disc(h)

    def verdicts(self, states, h_real, k):
        """{name: d_k(h), logits [N]} of states {name: h}; in a joint batch the real ones are judged beside the generated."""
        if (
            self.slopes
        ):  # batches of their own: through a larger one the slope's gradient would pass all of it
            alone, others = (
                {name: h for name, h in states.items() if (name in self.sloping) == own}
                for own in (True, False)
            )
            return {name: self.above(h, k) for name, h in alone.items()} | dict(
                zip(others, self.forward_jointly(self.disc, lambda h: self.above(h, k), *others.values()))
            )
        if not self.joint:
            return dict(
                zip(states, self.forward_jointly(self.disc, lambda h: self.above(h, k), *states.values()))
            )
        logits = {
            name: self.above(torch.cat([h_real, h]), k).chunk(2)
            for name, h in states.items()
            if name != "real"
        }
        return {name: logits["fake"][0] if name == "real" else logits[name][1] for name in states}

    def beside(self, h_real, h, k):
        """d_k(h), logits [N]; h takes the generated half's place in a joint batch with h_real."""
        return self.above(torch.cat([h_real, h]), k)[len(h_real) :] if self.joint else self.above(h, k)

    def score(self, x):
        """D's logits [N] of images."""
        return self.above(x, 0)

    def probability(self, x):
        """D(x) as the paper writes it: sigmoid of the logits where the objective is one of probabilities, else the score."""
        return self.objective.output(self.score(x))

    def last_layer(self):
        """The last layer that the discriminator offers."""
        return getattr(self.disc, "layers", 1) - 1

    def generate(self, z):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        return self.sampling_net("gen")(z)

    def diagnose(self, batch):
        """|grad_x D(x)|^2 on real images, D as in dnorm: the original's train_d_real_norm. In evaluation mode, without a graph."""
        if self.joint:  # a lone batch of real images has no logits
            return {}
        with torch.enable_grad():
            return {
                "disc/real_grad_norm2": zero_centred(self.probability, batch["x"], create_graph=False).mean()
            }

    def check_flags(self):
        """Raises UserError, or warns, where flags contradict one another or the discriminator."""
        args, offered = self.args, self.last_layer() + 1
        self.warn_if_unused(self.layers, "--mixup", "alpha", "mixup_label", "mixup_fold")
        self.warn_if_unused(args.dnorm > 0, "--dnorm", "dnorm_step")
        self.warn_if_unused(
            self.matching, "--g_loss=feature_matching or mixed", "fm_form", "fm_layer", "fm_weight"
        )
        self.warn_if_unused(args.g_loss == "mixed", "--g_loss=mixed", "adv_weight")
        self.warn_if_unused(self.adversarial, "--g_loss=adversarial or mixed", "g_label")
        if args.g_loss == "mixed" and not args.fm_weight and not args.adv_weight:
            raise UserError(
                "--fm_weight, --adv_weight: both are 0, so G would learn nothing; 1 and 1 would do"
            )
        if args.g_loss == "feature_matching" and not args.fm_weight:
            raise UserError(
                "--fm_weight=0: given with --g_loss=feature_matching, so G would learn nothing; 1 would do"
            )
        if not self.layers and args.mixup_ff:
            raise UserError("--mixup_ff: given with --mixup=none; --mixup=pixel or a hidden layer would do")
        if self.layers and max(self.layers) >= offered:
            raise UserError(
                f"--mixup={args.mixup}: needs layer {max(self.layers)}, the discriminator of {args.network} offers layers 0 to {offered - 1} (0 is the image)"
            )
        if self.matching and args.fm_layer is None and offered == 1:
            raise UserError(
                f"--g_loss={args.g_loss}: the discriminator of {args.network} offers no hidden layer to match features of; --fm_layer=0, the image, would do"
            )
        if self.matching and self.fm_layer >= offered:
            raise UserError(
                f"--fm_layer={args.fm_layer}: the discriminator of {args.network} offers layers 0 to {offered - 1} (0 is the image)"
            )
        if args.fake_label >= args.real_label:
            raise UserError(
                f"--fake_label={args.fake_label:g}: not below --real_label={args.real_label:g}; 0 would do"
            )
        if args.loss == "wgan" and (args.real_label, args.fake_label) != (1, 0):
            raise UserError(
                "--real_label, --fake_label: a Wasserstein critic has no labels; --loss=jsgan would do"
            )
        if args.loss != "jsgan" and args.g_label != 1:
            raise UserError(f"--g_label={args.g_label:g}: goes with --loss=jsgan, given {args.loss}")
        if self.joint and (self.penalties or args.dnorm > 0):
            raise UserError(
                "--penalty, --dnorm: the discriminator compares the real with the generated half of a batch and judges no image alone; "
                "--network_args minibatch_form=paper would do"
            )
        controlled = (
            self.penalties.keys() & {"gp", "r1", "r2", "dragan"}
            or args.dnorm > 0
            or has_spectral_norm(self.disc)
        )
        if args.loss == "wgan" and not controlled:
            self.warnings.append(
                "--loss=wgan: nothing keeps the critic Lipschitz; --penalty gp=10, --dnorm or spectral norm would do"
            )
        if self.penalties or args.dnorm > 0:
            if batch_norms(self.disc):
                self.warnings.append(
                    "--penalty, --dnorm: the discriminator has batch norm, so its gradients mix examples; a network without it would do (dcgan.py: --network_args disc_norm=None)"
                )
            if any(type(m).__name__ == "MinibatchDiscrimination" for m in self.disc.modules()):
                self.warnings.append(
                    "--penalty, --dnorm: minibatch discrimination compares examples, so D's gradients mix them"
                )


def layers_of(text):
    """The layers that --mixup names."""
    return MIXUP_LAYERS[text] if text in MIXUP_LAYERS else tuple(int(part) for part in text.split(","))


def has_spectral_norm(module):
    """Whether some layer is spectrally normalised: by this project's or torch's parametrisation, or by torch's older hook."""
    parts = [p for m in module.modules() for p in (m, *m._forward_pre_hooks.values())]
    return any("SpectralNorm" in type(p).__name__ for p in parts)
