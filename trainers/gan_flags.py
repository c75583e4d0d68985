"""The flags of trainers/gan.py, and the checks of what goes together."""

from engine.errors import UserError
from engine.flags import count, number, positive, rate, weight
from losses.adversarial import OBJECTIVES, RELATIVISTIC, their_mean
from losses.matching import MATCHING
from trainers import annealing, augmented, classes, conditional, penalised, regularised
from trainers.base import Check
from trainers.batchnorm import batch_norms
from trainers.forms import FORMS

# what G minimises: l_g of D's logits, the distance of mean features, or both
G_LOSSES = {"adversarial": (True, False), "feature_matching": (False, True), "mixed": (True, True)}

# the layers that a mix is drawn from, one a batch; 0 is the image
MIXUP_LAYERS = {"none": (), "pixel": (0,), "hidden": (1, 0), "vh1": (1, 0), "vh2": (1, 2, 0)}


def mixup_layers(text):
    """A type for --mixup: a name of MIXUP_LAYERS, or layers as in 0,3."""
    if text in MIXUP_LAYERS or all(part.isdigit() for part in text.split(",")):
        return text
    raise ValueError


mixup_layers.__name__ = f"mixup ({', '.join(MIXUP_LAYERS)}, or layers such as 0,2)"


def layers_of(text):
    """The layers that --mixup names."""
    return MIXUP_LAYERS[text] if text in MIXUP_LAYERS else tuple(int(part) for part in text.split(","))


def add_flags(group, told=True):
    """Declares the flags; defaults are those of the GAN code of Verma et al. 2018 unless said otherwise.

    told: whether the trainer takes --conditional, --packing and --g_batch.
    """
    group.add_argument(
        "--loss",
        choices=(*OBJECTIVES, *RELATIVISTIC),
        default="jsgan",
        help="objective: jsgan is the non-saturating GAN, minimax the saturating; relativistic: rpgan "
        "compares pairs, ragan and rahinge with the other kind's mean (default jsgan)",
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
        "--mixup_form",
        choices=FORMS,
        default="linear",
        help="what a mix is: linear, lam of one and 1 - lam of the other everywhere; cutmix, a box of one in "
        "the other (Yun et al. 2019); smoothmix, a spot with smooth edges (Lee et al. 2020); adaptive, "
        "within real and within generated examples, as AdaptiveMix (Liu et al. 2023) (default linear)",
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
    penalised.add_flag(group)
    penalised.add_g_flag(group)
    augmented.add_flags(group)
    annealing.add_flags(group)
    if told:
        classes.add_flags(group)
    group.add_argument(
        "--g_loss",
        choices=G_LOSSES,
        default="adversarial",
        help="what G minimises: adversarial, l_g of --loss; feature_matching, the distance of D's mean "
        "features of real and generated examples; mixed, both (default adversarial)",
    )
    group.add_argument(
        "--fm_form",
        choices=MATCHING,
        default="squared",
        help="that distance: squared, |.|^2 (Salimans et al. 2016); mean_squared and absolute, its means "
        "over features (their code, for MNIST and for CIFAR-10) (default squared)",
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
        help="steps of G each time that one is due (default 1; 3 in the code of Salimans et al. 2016 with "
        "minibatch discrimination)",
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
        help="G's target for D's probability, as a KL divergence, with --loss=jsgan: half of real_label in "
        "the ImageNet code of Salimans et al. 2016 (default 1: -log D)",
    )
    regularised.add_flags(group)


def check_flags(trainer):
    """Raises UserError, or warns, where flags of a MixupGAN contradict one another or the discriminator."""
    args, offered = trainer.args, trainer.last_layer + 1
    layers = f"the discriminator of {args.network} offers layers 0 to {offered - 1} (0 is the image)"
    warn_if_unused = trainer.warn_if_unused
    warn_if_unused(trainer.layers, "--mixup", "alpha", "mixup_form", "mixup_label", "mixup_fold")
    trainer.form.check_flags(trainer)
    warn_if_unused(args.dnorm > 0, "--dnorm", "dnorm_step")
    warn_if_unused(trainer.matching, "--g_loss=feature_matching or mixed", "fm_form", "fm_layer", "fm_weight")
    warn_if_unused(args.g_loss == "mixed", "--g_loss=mixed", "adv_weight")
    warn_if_unused(trainer.adversarial, "--g_loss=adversarial or mixed", "g_label")
    if args.g_loss == "mixed" and not args.fm_weight and not args.adv_weight:
        raise UserError("--fm_weight, --adv_weight: both are 0, so G would learn nothing; use 1 and 1")
    if args.g_loss == "feature_matching" and not args.fm_weight:
        raise UserError("--fm_weight=0: G would learn nothing with --g_loss=feature_matching; use 1")
    if not trainer.layers and args.mixup_ff:
        raise UserError("--mixup_ff: given with --mixup=none; use --mixup=pixel or a hidden layer")
    if trainer.layers and max(trainer.layers) >= offered:
        raise UserError(f"--mixup={args.mixup}: needs layer {max(trainer.layers)}, {layers}")
    if trainer.matching and args.fm_layer is None and offered == 1:
        raise UserError(
            f"--g_loss={args.g_loss}: the discriminator of {args.network} offers no hidden layer to match "
            "features of; use --fm_layer=0, the image"
        )
    if trainer.matching and trainer.fm_layer >= offered:
        raise UserError(f"--fm_layer={args.fm_layer}: {layers}")
    if args.fake_label >= args.real_label:
        raise UserError(
            f"--fake_label={args.fake_label:g}: must be below --real_label={args.real_label:g}; use 0"
        )
    if trainer.objective.paired and args.fake_label:
        raise UserError(
            f"--fake_label={args.fake_label:g}: --loss={args.loss} has one label a pair; use --real_label"
        )
    if args.loss == "wgan" and (args.real_label, args.fake_label) != (1, 0):
        raise UserError("--real_label, --fake_label: a Wasserstein critic has no labels; use --loss=jsgan")
    if args.loss != "jsgan" and args.g_label != 1:
        raise UserError(
            f"--g_label={args.g_label:g}: only valid with --loss=jsgan, given {args.loss}; leave it out"
        )
    if args.accumulate > 1 and trainer.matching and not getattr(args, "supervised", False):
        raise UserError(
            f"--accumulate={args.accumulate}: --g_loss={args.g_loss} matches means over the batch; use "
            "--g_loss=adversarial, or --accumulate=1"
        )
    if args.accumulate > 1 and trainer.objective.opposite is their_mean:
        raise UserError(
            f"--accumulate={args.accumulate}: --loss={args.loss} compares logits with their mean over the "
            "batch; use another --loss, or --accumulate=1"
        )
    if args.accumulate > 1 and args.mixup_ff:
        raise UserError(
            f"--accumulate={args.accumulate}: --mixup_ff mixes each example with any other of the batch; "
            "leave it out, or use --accumulate=1"
        )
    check_penalties(trainer, args)
    conditional.check_flags(trainer, args)


def check_penalties(trainer, args):
    """check_flags, of penalties: what batch norm and layers that compare examples do to them."""
    slopes = [*trainer.penalties.twice_differentiated(), *(["dnorm"] if args.dnorm > 0 else [])]
    if trainer.joint and slopes:
        raise UserError(
            "--penalty, --dnorm: the discriminator compares the real with the generated half of a batch and "
            "judges no image alone; use --network_args minibatch_form=paper"
        )
    single = [*trainer.penalties.single(), *trainer.g_penalties.single()]
    if trainer.joint and single:
        raise UserError(
            f"--penalty {single[0]}: the discriminator compares the real with the generated half of a batch "
            "and judges no image alone; use --network_args minibatch_form=paper"
        )
    controlled = trainer.penalties.lipschitz() or args.dnorm > 0 or has_spectral_norm(trainer.disc)
    controlled |= args.weight_clip > 0
    if args.loss == "wgan" and not controlled:
        trainer.warnings.append(
            "--loss=wgan: nothing keeps the critic Lipschitz; use --penalty gp=10, --dnorm, --weight_clip or "
            "spectral norm"
        )
    if slopes and batch_norms(trainer.disc):
        trainer.warnings.append(
            "--penalty, --dnorm: the discriminator has batch norm, so its gradients mix examples; use a "
            "network without it (dcgan.py: --network_args disc_norm=None)"
        )
    if slopes and any(type(m).__name__ == "MinibatchDiscrimination" for m in trainer.disc.modules()):
        trainer.warnings.append(
            "--penalty, --dnorm: minibatch discrimination compares examples, so D's gradients mix them"
        )


def check_batch(batch, args):
    """Raises UserError for unlabelled images, which trainers/gan.py does not look at."""
    if "x_unlabelled" in batch:
        raise UserError(
            f"--iterator: {args.iterator} gives unlabelled images too, which {args.trainer} does not look "
            "at; use --trainer=trainers/semi_supervised.py, or the base iterator alone"
        )


def check_layers(trainer, x):
    """The Checks of D on images x in two parts, to a layer that is mixed or matched at, and from it on."""
    judge, (shown, *told) = trainer.judge, trainer.shown_to_d(x)

    def check(k):
        through = lambda: judge.disc_from(judge.disc_to(shown, k), *told, k=k)
        return Check("disc", through, hint=f"it must take stop={k} and start={k}")

    def form():
        trainer.form.check(trainer, shown)
        return shown

    layers = {*trainer.layers, *([trainer.fm_layer] if trainer.matching else [])} - {0}
    return [*(check(k) for k in sorted(layers)), Check("disc", form)]


def has_spectral_norm(module):
    """Whether some layer is spectrally normalised: by this project's or torch's parametrisation, or by
    torch's older hook."""
    parts = [p for m in module.modules() for p in (m, *m._forward_pre_hooks.values())]
    return any("SpectralNorm" in type(p).__name__ for p in parts)
