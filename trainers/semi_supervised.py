"""Semi-supervised classification by a discriminator with K + 1 classes and a generator that matches its
features.

Salimans et al. 2016, "Improved techniques for training GANs" (arXiv 1606.03498), section 5, and its code
openai/improved-gan. D has K logits l_k, that of "generated" is fixed at 0: D(x) = Z / (Z + 1), Z = sum_k exp
l_k, so lse(x) = log Z is the logit of a GAN's D. One step:

  1  every update_g_every-th step: G minimises the distance of mean features of unlabelled and generated
     examples (or as --g_loss says)
  2  D minimises -log softmax_y(l(x)) on labelled x
     + unsup_weight 1/2 (-log D(x_u) - log(1 - D(G(z)))) on unlabelled x_u
  3  the test error is that of argmax_k l_k, and of the same with averaged weights of D

All of trainers/gan.py applies to the second term of line 2: objectives, mixup in pixels or hidden layers,
label smoothing, penalties. --supervised leaves the first term of line 2 alone: the same network on the
labelled images, the yardstick.

Differs from the paper's code: Adam's epsilon is outside the root (there: inside); averages start from the
initial weights (there: from 0); G's step comes before D's, not after it.
"""

import torch
import torch.nn.functional as F

from engine import distributed
from engine.errors import UserError
from engine.flags import number, positive, weight
from trainers import gan

UNSUPERVISED = ("real", "fake", "mix", "mix_ff")  # D's terms that unsup_weight / 2 multiplies
GAN_FLAGS = (
    "mixup",
    "mixup_form",
    "mixup_ff",
    "alpha",
    "mixup_label",
    "mixup_fold",
    "loss",
    "penalty",
    "g_penalty",
    "dnorm",
    "dnorm_step",
    "g_loss",
    "fm_form",
    "fm_layer",
    "fm_weight",
    "adv_weight",
    "g_steps",
    "update_g_every",
    "real_label",
    "fake_label",
    "g_label",
    "ema",
    "unsup_weight",
)


def add_flags(group):
    """Declares the flags of this trainer; those of trainers/gan.py with G's loss of the paper."""
    gan.add_flags(group, told=False)
    group.set_defaults(g_loss="feature_matching", fm_form="mean_squared")
    group.add_argument(
        "--unsup_weight", type=weight, default=1.0, help="weight of the unsupervised term (default 1)"
    )
    group.add_argument(
        "--disc_ema",
        type=number(float, 0, 1),
        default=0.9999,
        help="decay, a step, of the averaged discriminator that test errors are measured with too; 0: none "
        "(default 0.9999)",
    )
    group.add_argument(
        "--adam_eps",
        type=weight,
        default=1e-4,
        help="epsilon of Adam, m / (sqrt(v) + eps) (default 1e-4, the floor of the code's m / sqrt(v + "
        "1e-8))",
    )
    group.add_argument(
        "--lr_hold",
        type=number(float, 0, 1),
        default=0.0,
        help="with --lr_schedule=linear: the part of the run before the learning rate starts to fall to 0 "
        "(default 0; 2/3 in the CIFAR-10 code)",
    )
    group.add_argument(
        "--supervised",
        action="store_true",
        help="train on the labelled images alone, without a generator: the yardstick",
    )
    group.add_argument(
        "--test_every",
        changes_run=False,
        type=positive,
        default=1,
        help="epochs between measurements of the errors on valid and test (default 1)",
    )


def get_trainer(nets, args):
    """A SemiSupervised. Raises UserError where the flags and the networks do not go together."""
    return SemiSupervised(nets, args)


class SemiSupervised(gan.MixupGAN):
    """A classifier that learns from unlabelled and generated images too (Salimans et al. 2016, section 5)."""

    disc_hint = "one logit a class, as networks/semi_mnist.py and semi_cifar10.py give"

    def __init__(self, nets, args):
        if args.lr_hold and (args.lr_schedule != "linear" or args.lr_hold == 1):
            raise UserError(f"--lr_hold={args.lr_hold:g}: goes with --lr_schedule=linear, and lies below 1")
        super().__init__(nets, args)
        self.gan_weight = args.unsup_weight / 2
        self.disc_output = (args.n_classes,)
        if args.supervised:
            self.warnings.clear()  # GAN flags are ignored with --supervised
        self.warn_if_unused(
            not args.supervised, "unlabelled images, which --supervised leaves out", *GAN_FLAGS
        )
        self.average("disc", args.disc_ema)

    def optimise(self, name, *modules, **options):
        """Trainer.optimise with --adam_eps: with 1e-8 a confident D would go on in full steps on gradients
        that say nothing."""
        super().optimise(name, *modules, **({"eps": self.args.adam_eps} | options))

    def prepare(self, batch):
        """What networks start from data, on the images that they will be trained on most."""
        self.data_dependent_init(batch["x"] if self.args.supervised else unlabelled(batch, self.args))

    def checks(self, x):
        """Trainer.checks; only D where there is no generator in training."""
        return [check for check in super().checks(x) if check.role == "disc" or not self.args.supervised]

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        if self.args.supervised:
            return self.update("disc", self.sup_terms, batch["x"], batch["y"])
        real, log = unlabelled(batch, self.args), {}
        if step % self.args.update_g_every == 0:
            for _ in range(self.args.g_steps):
                log |= self.update("gen", self.g_terms, batch.get("x_unlabelled_g", real))
        with torch.no_grad():
            z, fake = self.drawn(len(real))
        return log | self.d_step(self.both_terms, real, fake, batch["x"], batch["y"], step, z)

    def both_terms(self, real, fake, x, y, step, z=None):
        """All terms of D's loss: of labelled x, and of unlabelled real and generated examples, G(z)."""
        return self.sup_terms(x, y) | self.d_terms(real, fake, step=step, z=z)

    def sup_terms(self, x, y):
        """{"sup": classification of labelled x}."""
        return {"sup": self.classification({"x": x, "y": y})}

    def verdicts(self, batch):
        """Trainer.verdicts; none with --supervised, which trains no generator."""
        return {} if self.args.supervised else super().verdicts(batch)

    def classification(self, batch):
        """-log softmax_y(l(x)) of labelled examples, [N]."""
        return F.cross_entropy(self.disc(batch["x"]), batch["y"], reduction="none")

    def d_terms(self, real, fake, labels=None, step=0, z=None):
        """The unsupervised terms of D's loss, those of a GAN's D: L_unsup = 1/2 (real + fake + ...), and
        penalties."""
        return {
            name: (self.gan_weight, value) if name in UNSUPERVISED else value
            for name, value in super().d_terms(real, fake, labels, step, z).items()
        }

    def to_logits(self, output):
        """lse of the K logits [N, K]: the logit of "not generated", [N]."""
        return output.logsumexp(1)

    def lr_factor(self, step):
        """--lr_schedule, held at 1 for the first --lr_hold of schedule_steps: min(1, (1 -
        step/schedule_steps) / (1 - lr_hold))."""
        return (
            min(1.0, super().lr_factor(step) / (1 - self.args.lr_hold))
            if self.args.lr_hold
            else super().lr_factor(step)
        )

    def classify(self, x):
        """Class logits [n, K] of images, by D's average where there is one: for --mode=predict."""
        return (self.disc_ema if "disc" in self.averaged else self.disc)(x)

    def measures(self, data):
        """Each --test_every epochs: errors on valid and test, of D and of its average."""
        splits = {name: data[name] for name in ("valid", "test") if name in data}
        return [(self.args.steps_per_epoch * self.args.test_every, lambda step: self.errors(splits))]

    def errors(self, splits):
        """{"disc/<split>_error", "disc_ema/<split>_error"}: parts of whole splits, over all processes, in 0
        .. 1."""
        nets = {"disc": self.disc} | ({"disc_ema": self.disc_ema} if "disc" in self.averaged else {})
        values = {}
        with self.evaluating():
            for split, batches in splits.items():
                wrong = torch.zeros(1 + len(nets), dtype=torch.float64, device=self.device)
                for batch in batches:
                    misses = [(net(batch["x"]).argmax(1) != batch["y"]).sum() for net in nets.values()]
                    wrong += torch.stack([*misses, wrong.new_tensor(len(batch["y"]))])
                *wrong, n = distributed.sum_over([wrong])[0].tolist()
                values |= {f"{name}/{split}_error": w / n for name, w in zip(nets, wrong)}
        return values


def unlabelled(batch, args):
    """The batch's unlabelled images. Raises UserError where it has none."""
    if "x_unlabelled" not in batch:
        raise UserError(
            f"--iterator: {args.iterator} gives no x_unlabelled; use --iterator=iterators/semi.py "
            f"--iterator_args base={args.iterator}"
        )
    return batch["x_unlabelled"]
