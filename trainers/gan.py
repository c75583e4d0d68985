"""GANs with mixup as a regulariser of the discriminator, penalties, and the improved techniques.

Verma et al. 2018, "Manifold Mixup", section on GANs; Zhang et al. 2018, "mixup", section 3.8; Salimans et al.
2016, "Improved techniques for training GANs". One step:

  1  every update_g_every-th step, g_steps times:
       z ~ p(z); G minimises l_g(D(G(z))), or |E f(x) - E f(G(z))|^2, or both
  2  z ~ p(z) afresh, x~ = G(z) held constant; k ~ U(layers), lam ~ Beta(alpha, alpha)
  3  D minimises l_real(D(x)) + l_fake(D(x~)) + l_fake(d_k(lam h_k(x) + (1 - lam) h_k(x~))) + penalties
     (--mixup_form: lam may differ from place to place, or pairs be of one kind; see trainers/forms.py)
  with --conditional G is given classes y, D judges (x, y), and both may add a class loss; with --packing D
  judges packs of images (trainers/classes.py, conditional.py)
  both add |theta - mean of theta so far|^2 with historical_averaging

real_label and fake_label soften l_real, l_fake. Minibatch discrimination and virtual batch norm are layers.
Differs from the paper's code: D's fakes are drawn afresh from the G just updated (there: from G before its
step); update_g_every counts steps of the run (there: afresh each epoch, not at all with hidden mixup).
"""

from functools import partial

import torch

from losses.adversarial import OBJECTIVES, RELATIVISTIC, smoothed
from losses.masks import share
from losses.matching import MATCHING
from losses.mixing import beta_weights, mix, pick
from losses.penalties import GContext, OutputSlope
from trainers.conditional import Conditional
from trainers.forms import FORMS
from trainers.gan_flags import G_LOSSES, add_flags, check_batch, check_flags, check_layers, layers_of  # noqa: F401
from trainers.judge import Shown


def get_trainer(nets, args):
    """A MixupGAN. Raises UserError where the flags and the networks do not go together."""
    return MixupGAN(nets, args)


class MixupGAN(Conditional):
    """GAN whose D sees mixes too: as fake (Verma et al.), or as real to the degree lam (Zhang et al.)."""

    roles = ("gen", "disc")
    accumulates = ("disc",)
    gan_weight = 1.0  # of the terms of real, generated and mixed examples in D's loss

    def __init__(self, nets, args):
        super().__init__(nets, args)
        objective = (OBJECTIVES | RELATIVISTIC)[args.loss]
        self.objective = smoothed(objective, args.real_label, args.fake_label, args.g_label)
        self.adversarial, self.matching = G_LOSSES[args.g_loss]
        self.layers, self.form = layers_of(args.mixup), FORMS[args.mixup_form]
        self.fm_layer = self.last_layer if args.fm_layer is None else args.fm_layer
        self.soft = args.mixup_label == "soft" and bool(self.layers)
        # mixes that count as fake besides move the logit of what D cannot place
        self.boundary = None if self.layers and not self.soft else self.objective.boundary
        self.fold = {"on": True, "off": False, "auto": args.mixup_label == "hard"}[args.mixup_fold]
        dnorm = args.dnorm if args.dnorm_step == "joint" else 0, OutputSlope(self.objective.output)
        self.penalties = self.penalise(args.penalty, "disc", dnorm=dnorm)
        self.g_penalties = self.penalise_g(args.g_penalty)
        self.judge = self.judge_of(self.disc, not (self.soft or self.form.replaces), self.augment)
        self.twice_differentiated += ("disc",) if args.dnorm > 0 else ()
        check_flags(self)
        self.average_generator()
        self.optimise("gen", self.gen)
        self.optimise("disc", self.disc)
        self.ready()

    def prepare(self, batch):
        """Data-dependent initialisation of gen and disc. Raises UserError for unlabelled images."""
        check_batch(batch, self.args)
        self.data_dependent_init(self.judged(batch)[0])

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        (real, y), log = self.judged(batch), {}
        if step % self.args.update_g_every == 0:
            for _ in range(self.args.g_steps):
                told = self.classes.for_g(len(real) * self.g_batch, y, self.generator)
                log |= self.update("gen", partial(self.g_terms, classes=told), real, y)
        told = self.classes.for_d(len(real), y, self.generator)
        with torch.no_grad():
            z, fake, *told = self.drawn(len(real), *told)
        return log | self.d_step(self.d_terms, real, fake, y, step, z, *told, real_classes=self.classes.of(y))

    def g_terms(self, real, labels=None, classes=()):
        """The terms of G's loss, (weight, [n] or scalar), on g_batch times as many examples as real [N, C, H,
        W], whose labels are given; classes: of all that G makes."""
        terms, args, k = {}, self.args, self.fm_layer if self.matching else 0
        z, fake, *told = self.drawn(len(real) * self.g_batch, *classes)
        h_real, h_fake = self.judge.hidden_for_g(real, fake, k)
        if self.adversarial:
            both = *self.classes.of(labels), *told
            logits, more = self.form.for_g(self, real, fake, h_real, h_fake, k, *both)
            adv = self.top(self.objective.among(logits, self.mean).g(logits["fake"]), logits["fake"])
            terms["adv"] = (args.adv_weight, adv) if self.matching else adv
            terms |= more
        if self.matching:
            terms["fm"] = (args.fm_weight, MATCHING[args.fm_form](h_real.detach(), h_fake))
        return terms | self.g_penalties(GContext(self, fake, z, told))

    def d_terms(self, real, fake, labels=None, step=0, z=None, *fake_classes):
        """The terms of D's loss, [N] or (weight, [N]); real, fake = G(z): [N, C, H, W]; labels: of real."""
        k, told = pick(self.layers), self.classes.of(labels)
        passes = self.judge.passes(self.pseudo(real, *told), fake, k, *told, *fake_classes)
        shown, more = self.form.for_d(self, passes)
        logits, labelled = passes.logits(shown), {name: each.label for name, each in shown.items()}
        terms = self.objective.d_terms(logits, labelled, self.mean) | more | self.classes.d_terms(passes)
        return terms | self.regularisers(passes.context(labels, step, self, z))

    def examples(self, h_real, h_fake, *classes):
        """{name: Shown}, what D learns from, and, with the label None, what others are compared with."""
        states, told = {"real": h_real, "fake": h_fake}, dict(zip(("real", "fake"), classes))
        unmixed = self.objective.unmixed(self.soft)
        shown = {name: Shown(states[name], label, classes=told.get(name)) for name, label in unmixed.items()}
        if self.layers:
            lam = beta_weights(len(h_real), self.args.alpha, self.fold, h_real.device)
            weights = self.form.mask(lam, h_real, self.fold, lambda: self.generator("mix"))
            label = share(weights[0]) if self.soft else 0
            mixed = self.classes.mixed(classes, weights)
            shown["mix"] = Shown(mix((h_real, h_fake), weights), label, weights[0], mixed)
        if self.args.mixup_ff:
            partner = self.classes.partners(h_fake, self.generator, *classes[1:])
            mixed = self.classes.mixed([c for fake in classes[1:] for c in (fake, fake[partner])], weights)
            shown["mix_ff"] = Shown(mix((h_fake, h_fake[partner]), weights), 0, classes=mixed)
        return shown

    def d_step(self, terms, real, *batch, real_classes=()):
        """D's update on terms(real, *batch), then on dnorm if it is separate. Returns the logged terms."""
        log = self.update("disc", terms, real, *batch)
        plain = "disc/real" in log and not self.form.replaces
        if self.args.loss == "wgan" and plain and self.gan_weight > 0:
            # E D(x) - E D(G(z))
            log["disc/wasserstein"] = -(log["disc/real"] + log["disc/fake"]) / self.gan_weight
        if self.args.dnorm > 0 and self.args.dnorm_step == "separate":
            # shares Adam's moments with the step before, as the original does
            weight, output = self.args.dnorm, self.objective.output
            term = lambda *x: {"dnorm": (weight, self.judge.squared_slope(*x, output=output))}
            log |= self.update("disc", term, real, *real_classes)
        return log

    def probability(self, x):
        """D(x) [N] as the paper writes it: a probability where the objective has one, else the score."""
        return self.objective.output(self.judge.score(x))

    def checks(self, x):
        """Those of G and D, and D by way of each layer that is mixed or matched at."""
        return [*super().checks(x), *check_layers(self, x)]
