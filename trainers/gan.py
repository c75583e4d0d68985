"""GANs with mixup as a regulariser of the discriminator, and the objectives and penalties of the field.

Verma et al. 2018, "Manifold Mixup", section on GANs, and Zhang et al. 2018, "mixup", section 3.8. One step:

  1  every update_g_every-th step: z ~ p(z); G minimises l_g(D(G(z)))
  2  z ~ p(z) afresh, x~ = G(z) held constant; k ~ U(layers), lam ~ Beta(alpha, alpha)
  3  D minimises l_real(D(x)) + l_fake(D(x~)) + l_fake(d_k(lam h_k(x) + (1 - lam) h_k(x~))) + penalties

Differs from the paper's code: D's fakes are drawn afresh from the G just updated (there: the batch from before G's step), and
update_g_every counts steps of the whole run, alike in all modes (there: afresh each epoch, and not at all with hidden mixup).
"""
import torch

from engine.errors import UserError
from engine.flags import Pairs, positive, rate, weight
from losses.adversarial import OBJECTIVES
from losses.mixing import beta_weights, mix, pick
from losses.penalties import PENALTIES, zero_centred
from trainers.base import Trainer

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
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
                raise ValueError(f"given {name}={value}; a weight of at least 0 would do")
        return values


def add_flags(group):
    """Declares the flags of this trainer; defaults are those of the GAN code of Verma et al. 2018 unless said otherwise."""
    group.add_argument("--loss", choices=OBJECTIVES, default="jsgan", help="objective: jsgan is the non-saturating GAN, minimax the saturating (default jsgan)")
    group.add_argument("--update_g_every", type=positive, default=1, help="one step of G in so many steps of D (default 1; the experiments use 5)")
    group.add_argument("--mixup", type=mixup_layers, default="none", help="layers of D to mix real and generated examples at, one drawn a batch: none, "
                       "pixel (layer 0), hidden = vh1 (1 or 0), vh2 (1, 2 or 0), or a list such as 1,3 (default none)")
    group.add_argument("--mixup_ff", action="store_true", help="mix generated examples with one another too, labelled fake")
    group.add_argument("--alpha", type=rate, default=0.2, help="lam ~ Beta(alpha, alpha) (default 0.2)")
    group.add_argument("--mixup_label", choices=("hard", "soft"), default="hard", help="hard: mixes are fake, a term besides the others; soft: labelled lam, "
                       "in place of the others, as in Zhang et al. 2018 (default hard)")
    group.add_argument("--mixup_fold", choices=("auto", "on", "off"), default="auto", help="lam <- min(lam, 1 - lam), real examples never the larger part "
                       "(default auto: on with hard labels)")
    group.add_argument("--dnorm", type=weight, default=0.0, help="weight of |grad_x D(x)|^2 on real x, D a probability where the objective has one (default 0)")
    group.add_argument("--dnorm_step", choices=("joint", "separate"), default="joint", help="add dnorm to D's loss, or give it a step of D's optimiser "
                       "of its own as the original does (default joint)")
    group.add_argument("--penalty", nargs="*", action=Weights, default={}, metavar="NAME=WEIGHT", help=f"penalties on D's logits: {', '.join(PENALTIES)}, as in "
                       "--penalty gp=10 r1=0.1 (default none; gp: Gulrajani et al. 2017, r1 and r2: Mescheder et al. 2018, dragan: Kodali et al. 2017)")


def get_trainer(nets, args):
    """A MixupGAN. Raises UserError where the flags and the networks do not go together."""
    return MixupGAN(nets, args)


class MixupGAN(Trainer):
    """GAN whose D also sees convex mixes, at a random layer, as fake (Verma et al. 2018) or as real to the degree lam (Zhang et al. 2018)."""
    roles = ("gen", "disc")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.objective = OBJECTIVES[args.loss]
        self.layers = layers_of(args.mixup)
        self.penalties = {name: w for name, w in args.penalty.items() if w > 0}
        self.fold = {"on": True, "off": False, "auto": args.mixup_label == "hard"}[args.mixup_fold]
        self.refuse_what_cannot_be()
        self.average("gen", args.ema)
        self.optimise("gen", self.gen)
        self.optimise("disc", self.disc)

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        real, log = batch["x"], {}
        if step % self.args.update_g_every == 0:
            log |= self.update("gen", {"adv": self.objective.g(self.disc(self.gen(self.noise(len(real)))))})
        with torch.no_grad():
            fake = self.gen(self.noise(len(real)))
        log |= self.update("disc", self.d_terms(real, fake))
        if self.args.dnorm > 0 and self.args.dnorm_step == "separate":
            # shares Adam's moments with the step before, as the original does
            log |= self.update("disc", {"dnorm": self.args.dnorm * zero_centred(self.probability, real)})
        return log

    def d_terms(self, real, fake):
        """The terms of D's loss, each [N]; real, fake: [N, C, H, W]."""
        terms = {}
        k = pick(self.layers) if self.layers else 0
        h_real, h_fake = self.below(real, k), self.below(fake, k)
        weights = beta_weights(len(real), self.args.alpha, self.fold, real.device) if self.layers else None
        soft = self.layers and self.args.mixup_label == "soft"
        if not soft:
            terms["real"] = self.objective.d_real(self.above(h_real, k))
            terms["fake"] = self.objective.d_fake(self.above(h_fake, k))
        if self.layers:
            logits = self.above(mix((h_real, h_fake), weights), k)
            as_fake = self.objective.d_fake(logits)
            terms["mix"] = torch.lerp(as_fake, self.objective.d_real(logits), weights[0]) if soft else as_fake
        if self.args.mixup_ff:
            partner = torch.randperm(len(fake), device=fake.device)
            terms["mix_ff"] = self.objective.d_fake(self.above(mix((h_fake, h_fake[partner]), weights), k))
        if self.args.dnorm > 0 and self.args.dnorm_step == "joint":
            terms["dnorm"] = self.args.dnorm * zero_centred(self.probability, real)
        for name, w in self.penalties.items():
            terms[name] = w * PENALTIES[name](self.disc, real, fake)
        return terms

    def below(self, x, k):
        """h_k(x); h_0 is x, whatever the discriminator."""
        return self.disc(x, stop=k) if k else x

    def above(self, h, k):
        """d_k(h), logits [N]."""
        return self.disc(h, start=k) if k else self.disc(h)

    def probability(self, x):
        """D(x) as the paper writes it: sigmoid of the logits where the objective is one of probabilities, else the score."""
        return self.objective.output(self.disc(x))

    def generate(self, z):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        return self.best("gen")(z)

    def diagnose(self, batch):
        """|grad_x D(x)|^2 on real images, D as in dnorm: the original's train_d_real_norm. In evaluation mode, without a graph."""
        with torch.enable_grad():
            return {"disc/real_grad_norm2": zero_centred(self.probability, batch["x"], create_graph=False).mean()}

    def refuse_what_cannot_be(self):
        """Raises UserError, or warns, where flags contradict one another or the discriminator."""
        args, offered = self.args, getattr(self.disc, "layers", 1)
        if not self.layers and args.mixup_ff:
            raise UserError("--mixup_ff: given with --mixup=none; --mixup=pixel or a hidden layer would do")
        if self.layers and max(self.layers) >= offered:
            raise UserError(f"--mixup={args.mixup}: needs layer {max(self.layers)}, the discriminator of {args.network} offers layers 0 to {offered - 1} (0 is the image)")
        controlled = self.penalties.keys() & {"gp", "r1", "r2", "dragan"} or args.dnorm > 0 or has_spectral_norm(self.disc)
        if args.loss == "wgan" and not controlled:
            self.warnings.append("--loss=wgan: nothing keeps the critic Lipschitz; --penalty gp=10, --dnorm or spectral norm would do")
        if self.penalties or args.dnorm > 0:
            norms = [m for m in self.disc.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
            if norms:
                self.warnings.append("--penalty, --dnorm: the discriminator has batch norm, so its gradients mix examples; norm=None would do")


def layers_of(text):
    """The layers that --mixup names."""
    return MIXUP_LAYERS[text] if text in MIXUP_LAYERS else tuple(int(part) for part in text.split(","))


def has_spectral_norm(module):
    """Whether some layer is spectrally normalised: by this project's or torch's parametrisation, or by torch's older hook."""
    parts = [p for m in module.modules() for p in (m, *m._forward_pre_hooks.values())]
    return any("SpectralNorm" in type(p).__name__ for p in parts)
