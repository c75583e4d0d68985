"""--mixup_form: what is mixed with what, and what D and G are asked about it.

A form gives D's step its examples and further terms, for_d(trainer, passes) -> ({name: Shown}, {name:
(weight, [N])}), and G's step its logits and further terms, for_g(trainer, real, fake, h_real, h_fake, k,
*classes) -> ({"fake": logits [N]}, {name: (weight, [N])}), with "real" too for a relativistic objective; see
MixupGAN. Classes, of real and of generated examples, are there with --conditional.
"""

import random

import torch
import torch.nn.functional as F

from engine import distributed
from engine.errors import UserError
from engine.randomness import key
from losses import masks
from losses.mixing import beta_weights, mix
from trainers.judge import Shown


class Convex:
    """Mixes of real and generated examples, or of generated ones: MixupGAN.examples.

    The terms of real and generated examples stay beside them, unless labels are soft.
    """

    replaces = False  # the plain terms of real and generated examples

    def __init__(self, mask, flat):
        """mask: a form of losses/masks.py, how much of each at every place. flat: whether it can mix states
        without height and width."""
        self.mask, self.flat = mask, flat

    def for_d(self, trainer, passes):
        """The examples of D's step; no further terms."""
        return trainer.examples(passes.real, passes.fake, *passes.classes), {}

    def for_g(self, trainer, real, fake, h_real, h_fake, k, *classes):
        """D's logits of generated examples; a class term, if D gives class logits."""
        (of_real, of_fake), both = (classes[:1], classes[1:]), trainer.objective.opposite is not None
        outputs = trainer.judge.outputs_for_g((h_real, *of_real), (h_fake, *of_fake), k, both)
        logits = {name: trainer.to_logits(output) for name, output in outputs.items()}
        return logits, trainer.classes.g_terms(outputs["fake"], *of_fake)

    def check_flags(self, trainer):
        """Nothing: every flag of mixup goes with it."""

    def check(self, trainer, x):
        """Raises UserError where a layer's state cannot be mixed so; x: two images."""
        for k in trainer.layers if not self.flat else ():
            h = trainer.judge.disc_to(x, k)
            if h.ndim != 4 or min(h.shape[2:]) < 2:
                raise UserError(
                    f"--mixup_form={trainer.args.mixup_form}: layer {k} is {list(h.shape[1:])}, without "
                    "height and width of 2 and more to mix regions of; use other layers in --mixup"
                )


class AdaptiveMix:
    """AdaptiveMix: pairs within a kind, whose features D learns to mix as the images are mixed.

    e = h_k, the features at layer k of --mixup; one permutation and one lam ~ Beta(alpha, alpha) a batch. For
    examples a of one kind, real or generated, and their partners b, m = lam a + (1 - lam) b:

        logit of the kind = d_k(lam e(a) + (1 - lam) e(b)) + d_k(e(m))
        term = -cos(e(m), lam e(a) + (1 - lam) e(b) + n), n ~ N(0, 0.05^2), with a gradient by e(m) alone

    Logits of kinds take the place of D's plain ones, and of G's for its images; penalties see the plain ones,
    those of unmixed examples, and LeCam averages them. Weight of the term 1, alpha
    1. Liu et al. 2023, "AdaptiveMix: improving GAN training via feature space shrinkage" (arXiv 2303.01559),
    and the authors' code. Differs from the paper: k is a flag (there: D up to 4x4 maps).
    """

    replaces = True
    noise, weight = 0.05, 1.0

    def pair(self, trainer, x, h, k, weights, generator):
        """(the two states of each mix, the term [N]) of images x, features h at layer k, weights [2]."""
        partner = torch.randperm(len(x), device=x.device, generator=generator)
        weights = weights[:, None].expand(2, len(x))
        wanted = mix((h, h[partner]), weights)
        found = trainer.judge.disc_to(mix((x, x[partner]), weights), k)
        noise = torch.randn(h.shape, dtype=h.dtype, device=h.device, generator=generator)
        target = (wanted + self.noise * noise).detach()
        return (wanted, found), -F.cosine_similarity(found.flatten(1), target.flatten(1))

    def for_d(self, trainer, passes):
        """Pairs of real and of generated examples, and their terms."""
        n, device = len(passes.real), passes.real.device
        # as many draws as other forms take, so that what comes after them is the same; one is used
        weights = beta_weights(n, trainer.args.alpha, False, device)[:, 0]
        shown, terms = {}, {}
        labels = trainer.objective.unmixed()
        for kind, x, h in zip(("real", "fake"), passes.seen, (passes.real, passes.fake)):
            states, term = self.pair(trainer, x, h, passes.k, weights, trainer.generator("mix"))
            shown[kind] = Shown(states, labels[kind])
            terms[f"cos_{kind}"] = self.weight, term
        return shown, terms

    def for_g(self, trainer, real, fake, h_real, h_fake, k):
        """Logits of pairs of generated examples, and their term; lam and the layer are drawn once a step."""
        draw = random.Random(key(trainer.args.seed, "mix gen", trainer.now, distributed.rank()))
        layer, lam = draw.choice(trainer.layers), draw.betavariate(trainer.args.alpha, trainer.args.alpha)
        weights = fake.new_tensor([lam, 1 - lam])

        def judged(x):
            h = trainer.judge.disc_to(x, layer)
            states, term = self.pair(trainer, x, h, layer, weights, trainer.generator("mix gen"))
            outputs = trainer.judge.outputs({i: (each,) for i, each in enumerate(states)}, None, layer)
            return sum(map(trainer.to_logits, outputs.values())), term

        # of the feature matching's layer k > 0 there are no images left
        logits, term = judged(trainer.judge.augment(fake, "gen") if k else h_fake)
        found = {"fake": logits}
        if trainer.objective.opposite is not None:
            with torch.no_grad():
                found["real"], _ = judged(trainer.judge.augment(real, "gen") if k else h_real)
        return found, {"cos": (self.weight, term)}

    def check_flags(self, trainer):
        """Raises UserError for flags that cannot be."""
        args = trainer.args
        if not trainer.layers or 0 in trainer.layers:
            raise UserError(
                f"--mixup_form=adaptive: compares features of D, and at --mixup={args.mixup} with the image "
                "itself, which is always 1; use hidden layers in --mixup, such as --mixup=1"
            )
        within = "pairs are of one kind, real or generated"
        if args.mixup_ff:
            raise UserError(f"--mixup_ff: {within}, with --mixup_form=adaptive; leave it out")
        if args.mixup_fold == "on":
            raise UserError(f"--mixup_fold=on: {within}, with --mixup_form=adaptive; use auto or off")
        if trainer.soft:
            raise UserError(f"--mixup_label=soft: {within}, with --mixup_form=adaptive; use hard")
        if args.accumulate > 1:
            raise UserError(
                f"--accumulate={args.accumulate}: --mixup_form=adaptive mixes each example with any other of "
                "the batch; use another form, or --accumulate=1"
            )
        if trainer.joint:
            raise UserError(
                "--mixup_form=adaptive: the discriminator compares the real with the generated half of a "
                "batch and judges no image alone; use --network_args minibatch_form=paper"
            )

    def check(self, trainer, x):
        """Nothing: any state can be mixed so."""


# --mixup_form; linear is that of Zhang et al. 2018 and Verma et al. 2018
FORMS = {
    "linear": Convex(masks.linear, flat=True),
    "cutmix": Convex(masks.cutmix, flat=False),
    "smoothmix": Convex(masks.smoothmix, flat=False),
    "adaptive": AdaptiveMix(),
}
