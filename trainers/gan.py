"""GANs with mixup as a regulariser of the discriminator, penalties, and the improved techniques.

Verma et al. 2018, "Manifold Mixup", section on GANs; Zhang et al. 2018, "mixup", section 3.8; Salimans et al.
2016, "Improved techniques for training GANs". One step:

  1  every update_g_every-th step, g_steps times:
       z ~ p(z); G minimises l_g(D(G(z))), or |E f(x) - E f(G(z))|^2, or both
  2  z ~ p(z) afresh, x~ = G(z) held constant; k ~ U(layers), lam ~ Beta(alpha, alpha)
  3  D minimises l_real(D(x)) + l_fake(D(x~)) + l_fake(d_k(lam h_k(x) + (1 - lam) h_k(x~))) + penalties
  both add |theta - mean of theta so far|^2 with historical_averaging

real_label and fake_label soften l_real, l_fake. Minibatch discrimination and virtual batch norm are layers.
Differs from the paper's code: D's fakes are drawn afresh from the G just updated (there: from G before its
step); update_g_every counts steps of the run (there: afresh each epoch, not at all with hidden mixup).
"""

import torch

from losses.adversarial import OBJECTIVES, RELATIVISTIC, smoothed
from losses.matching import MATCHING
from losses.mixing import beta_weights, mix, pick
from losses.penalties import OutputSlope
from trainers.gan_flags import G_LOSSES, add_flags, check_batch, check_flags, check_layers, layers_of  # noqa: F401
from trainers.regularised import Regularised


def get_trainer(nets, args):
    """A MixupGAN. Raises UserError where the flags and the networks do not go together."""
    return MixupGAN(nets, args)


class MixupGAN(Regularised):
    """GAN whose D sees mixes too: as fake (Verma et al.), or as real to the degree lam (Zhang et al.)."""

    roles = ("gen", "disc")
    accumulates = ("disc",)
    gan_weight = 1.0  # of the terms of real, generated and mixed examples in D's loss

    def __init__(self, nets, args):
        super().__init__(nets, args)
        objective = (OBJECTIVES | RELATIVISTIC)[args.loss]
        self.objective = smoothed(objective, args.real_label, args.fake_label, args.g_label)
        self.adversarial, self.matching = G_LOSSES[args.g_loss]
        self.layers = layers_of(args.mixup)
        self.fm_layer = self.last_layer if args.fm_layer is None else args.fm_layer
        self.soft = args.mixup_label == "soft" and bool(self.layers)
        self.fold = {"on": True, "off": False, "auto": args.mixup_label == "hard"}[args.mixup_fold]
        dnorm = args.dnorm if args.dnorm_step == "joint" else 0, OutputSlope(self.objective.output)
        self.penalties = self.penalise(args.penalty, "disc", dnorm=dnorm)
        self.judge = self.judge_of(self.disc, not self.soft, self.augment)
        if args.dnorm > 0:
            self.twice_differentiated = ("disc",)
        check_flags(self)
        self.average_generator()
        self.optimise("gen", self.gen)
        self.optimise("disc", self.disc)
        self.ready()

    def prepare(self, batch):
        """Data-dependent initialisation of gen and disc. Raises UserError for unlabelled images."""
        check_batch(batch, self.args)
        self.data_dependent_init(batch["x"])

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        real, log = batch["x"], {}
        if step % self.args.update_g_every == 0:
            for _ in range(self.args.g_steps):
                log |= self.update("gen", self.g_terms, real)
        with torch.no_grad():
            fake = self.gen(self.noise(len(real)))
        return log | self.d_step(self.d_terms, real, fake, batch.get("y"), step)

    def g_terms(self, real):
        """The terms of G's loss, (weight, [N] or scalar), on as many examples as real [N, C, H, W]."""
        terms, args, k = {}, self.args, self.fm_layer if self.matching else 0
        fake = self.fakes(len(real))
        h_real, h_fake = self.judge.hidden_for_g(real, fake, k)
        if self.adversarial:
            logits = self.judge.logits_for_g(h_real, h_fake, k, both=self.objective.opposite is not None)
            adv = self.top(self.objective.among(logits, self.mean).g(logits["fake"]), logits["fake"])
            terms["adv"] = (args.adv_weight, adv) if self.matching else adv
        if self.matching:
            terms["fm"] = (args.fm_weight, MATCHING[args.fm_form](h_real.detach(), h_fake))
        return terms

    def d_terms(self, real, fake, labels=None, step=0):
        """The terms of D's loss, [N] or (weight, [N]); real, fake: [N, C, H, W]; labels: of real, [N]."""
        k = pick(self.layers)
        passes = self.judge.passes(self.pseudo(real), fake, k)
        shown = self.examples(passes.real, passes.fake)
        logits = passes.logits({name: h for name, (h, _) in shown.items()})
        terms = self.objective.d_terms(logits, {name: label for name, (_, label) in shown.items()}, self.mean)
        return terms | self.regularisers(passes.context(labels, step, self.mean, self.generator))

    def examples(self, h_real, h_fake):
        """{name: (hidden state [N, ...], its label: the degree to which it is real)}, which D learns from;
        None: which others are compared with."""
        states = {"real": h_real, "fake": h_fake}
        shown = {name: (states[name], label) for name, label in self.objective.unmixed(self.soft).items()}
        if self.layers:
            weights = beta_weights(len(h_real), self.args.alpha, self.fold, h_real.device)
            shown["mix"] = mix((h_real, h_fake), weights), weights[0] if self.soft else 0
        if self.args.mixup_ff:
            partner = torch.randperm(len(h_fake), device=h_fake.device)
            shown["mix_ff"] = mix((h_fake, h_fake[partner]), weights), 0
        return shown

    def d_step(self, terms, real, *batch):
        """D's update on terms(real, *batch), then on dnorm if it is separate. Returns the logged terms."""
        log = self.update("disc", terms, real, *batch)
        if self.args.loss == "wgan" and "disc/real" in log and self.gan_weight > 0:
            # E D(x) - E D(G(z))
            log["disc/wasserstein"] = -(log["disc/real"] + log["disc/fake"]) / self.gan_weight
        if self.args.dnorm > 0 and self.args.dnorm_step == "separate":
            # shares Adam's moments with the step before, as the original does
            slope = lambda x: self.judge.squared_slope(x, self.objective.output)
            log |= self.update("disc", lambda x: {"dnorm": (self.args.dnorm, slope(x))}, real)
        return log

    def probability(self, x):
        """D(x) [N] as the paper writes it: a probability where the objective has one, else the score."""
        return self.objective.output(self.judge.score(x))

    def checks(self, x):
        """Trainer.checks, and D by way of each layer that is mixed or matched at."""
        return [*super().checks(x), *check_layers(self, x)]

    def generate(self, z):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1]."""
        return self.sampling_net("gen")(z)

    def diagnose(self, batch):
        """|grad_x D(x)|^2 on real images, D as in dnorm: the original's train_d_real_norm."""
        if self.joint:  # a lone batch of real images has no logits
            return {}
        with torch.enable_grad():
            slope = self.judge.squared_slope(batch["x"], self.objective.output, training=False)
        return {"disc/real_grad_norm2": slope.mean()}
