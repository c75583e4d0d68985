"""A trainer of G and D that may be told classes, and whose D may judge packs of images.

With --packing=m D judges packs of m images [n, m C, H, W] (PacGAN: Lin et al. 2018): its network is made for
so many channels, and a batch of N images has N / m packs. Real and generated packs are mixed and penalised
as images are; what is done to images is done to each image of a pack by itself.
Differs from PacGAN's code: G makes all images of a step in one batch, by whose statistics they are
normalised (there: m batches).
"""

import torch

from engine import accumulation
from engine.errors import UserError
from losses.packing import pack, unpack
from trainers import augmented
from trainers.base import Check
from trainers.classes import classes_of
from trainers.regularised import Regularised


class Conditional(Regularised):
    """A Trainer of G and D that may be told classes, and whose D may judge packs of images."""

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.classes = classes_of(args)
        # a trainer whose flags lack these has no use for them
        self.packing, self.g_batch = getattr(args, "packing", 1), getattr(args, "g_batch", 1)
        if self.packing > 1 or self.classes.kind != "none":
            self.probability = None  # no single image has one

    # --- what G makes

    def drawn(self, n, *whole, generator=None):
        """(z, n generated images or packs [n, C, H, W], *their classes), z [n m, z_dim] from the step's own
        generator, or the one given; whole: the classes of all that is drawn, in all parts of a batch.

        z is None where G compares examples and so gets the whole batch of --accumulate at once.
        """
        told, m = [accumulation.rows(lambda n, c=c: c, n) for c in whole], self.packing
        if accumulation.active() and self.compares(self.gen):
            make = lambda n: self.gen(self.noise(n, generator), *whole)
            return None, pack(self.through("gen", make, n * m), m), *told
        z = self.noise(n * m, generator)
        return z, pack(self.gen(z, *told), m), *told

    def near(self, z, std, purpose, *classes):
        """G(z + dz) [n, C, H, W], dz ~ N(0, std^2) drawn for `purpose`, of noise z [n m, z_dim], of the same
        classes."""
        like = {"dtype": z.dtype, "device": z.device, "generator": self.generator(purpose)}
        dz = accumulation.rows(lambda n: torch.randn(n, *z.shape[1:], **like), len(z))
        return pack(self.gen(z + std * dz, *classes), self.packing)

    @torch.no_grad()
    def pseudo(self, real, *classes):
        """The images [N, C, H, W], of these classes if any, that D takes for real: with --apa some are
        generated ones.

        Differs from the paper's code: they come from the G of this step by noise of their own (there: those
        of the last G step).
        """
        if self.apa is None:
            return real
        draw, m = self.generator("apa"), self.packing
        fake = self.through("gen", lambda n: self.gen(self.noise(n, draw), *classes), len(real) * m)
        return augmented.pseudo(real, pack(fake, m), self.apa.p, draw)

    # --- what D is shown

    def augment(self, x, player):
        """Regularised.augment, of each image of a pack by itself."""
        return pack(super().augment(unpack(x, self.packing), player), self.packing)

    def judged(self, batch):
        """(what D judges of a batch: images [N, C, H, W], or packs of them; their labels [N], or None)."""
        packed = self.packing > 1  # a pack has no label
        return pack(batch["x"], self.packing), None if packed else batch.get("y")

    def to_logits(self, output):
        """Logits [N] of D's output."""
        return self.classes.logits(output)

    # --- for modes

    def generate(self, z, y=None):
        """The generator's images (the averaged one's with --ema): z [n, z_dim] -> [n, C, H, W] in [-1, 1].

        y: with --conditional their classes, int64 [n] or shares [n, K]; by default drawn by --label_dist.
        """
        return self.sampling_net("gen")(z, *self.classes.for_samples(len(z), y))

    def pictures(self, batch):
        """--samples drawn images; of a conditional G a row a class, the columns with the same noise."""
        if self.classes.kind == "none":
            return super().pictures(batch)
        rows = min(self.classes.n, self.args.samples)
        z = self.noise(self.args.samples // rows)
        y = torch.arange(rows, device=self.device).repeat_interleave(len(z))
        return {"": self.generate(z.repeat(rows, 1), y).unflatten(0, (rows, -1))}

    def verdicts(self, batch):
        """Trainer.verdicts, of packs with --packing, of the batch's classes with --conditional; a D that
        compares the halves of a batch judges both kinds in one."""
        real, y = self.judged(batch)
        told = self.classes.of(y)
        _, fake, *_ = self.drawn(len(real), *told)
        if self.joint:
            outputs = self.judge.disc_beside((real, *told), (fake, *told), 0)
            return {"disc": tuple(map(self.to_logits, outputs))}
        return {"disc": tuple(self.judge.score(x, *told) for x in (real, fake))}

    def mean_sign(self, batch):
        """r_t = E sign D(T x) of real images x (Karras et al. 2020, eq. 1), where --ada or --apa is on and D
        judges an image alone; else None."""
        if not (self.args.ada != "none" or self.args.apa) or self.joint:
            return None
        x, y = self.judged(batch)
        return self.judge.score_shown(x, *self.classes.of(y)).sign().mean()

    def diagnose(self, batch):
        """|grad_x D(x)|^2 on real images, D as in dnorm: the original's train_d_real_norm."""
        if self.joint:  # a lone batch of real images has no logits
            return {}
        x, y = self.judged(batch)
        with torch.enable_grad():
            slope = self.judge.squared_slope(
                x, *self.classes.of(y), output=self.objective.output, training=False
            )
        return {"disc/real_grad_norm2": slope.mean()}

    # --- checks

    def check_accumulate(self):
        """Trainer.check_accumulate, and class terms that compare examples."""
        given, kind = f"--accumulate={self.args.accumulate}", self.classes.kind
        if kind == "d2dce":
            raise UserError(
                f"{given}: --conditional=d2dce compares the images of the batch; use --accumulate=1"
            )
        if kind != "none" and self.apa is not None and self.compares(self.gen):
            raise UserError(
                f"{given}: --apa with --conditional makes images for each part, and G of {self.args.network} "
                "compares the examples of a batch (batch norm); use --accumulate=1"
            )
        super().check_accumulate()

    def shown_to_d(self, x):
        """(two packs of images x [2, C, H, W], *classes): what check_networks tries D with."""
        return pack(x.repeat(self.packing, 1, 1, 1), self.packing), *self.classes.for_samples(2)

    def checks(self, x):
        """G and D on what they are told, D on packs where it judges these."""
        kind, (packs, *told) = self.classes.kind, self.shown_to_d(x)
        shape = {"acgan": (2, 1 + getattr(self.classes, "n", 0)), "d2dce": None}.get(
            kind, (2, *self.disc_output)
        )
        hint = self.disc_hint if kind == "none" else f"as networks/conditional.py has it for {kind}"
        return [
            Check("gen", lambda: self.gen(self.noise(2), *told), x.shape, "fit data_shape and z_dim"),
            Check("disc", lambda: self.disc(packs, **dict(zip(("y",), told))), shape, hint),
        ]


def check_flags(trainer, args):
    """Raises UserError, or warns, where flags of a Conditional contradict one another."""
    kind, unused = trainer.classes.kind, trainer.warn_if_unused
    terms, margins = ("class_weight", "g_class_weight", "class_terms"), ("d2dce_margin", "d2dce_temperature")
    if trainer.packing > 1 and kind != "none":
        raise UserError(
            f"--packing={trainer.packing}: the images of a pack have several classes; use --packing=1 with "
            "--conditional"
        )
    if trainer.g_batch > 1 and trainer.joint:
        raise UserError(
            f"--g_batch={trainer.g_batch}: the discriminator compares a real with a generated half of one "
            "size; use 1"
        )
    if trainer.g_batch > 1 and trainer.objective.paired:
        raise UserError(
            f"--g_batch={trainer.g_batch}: --loss={args.loss} pairs each image of G with a real one; use 1"
        )
    if not hasattr(args, "conditional"):
        return
    if kind != "none" and trainer.form.replaces:
        raise UserError(
            f"--mixup_form={args.mixup_form}: is of a discriminator that is told no classes; use linear, "
            "cutmix or smoothmix with --conditional"
        )
    if kind == "none":
        unused(False, "--conditional", "label_dist", "mixup_classes", *terms, *margins)
        return
    if trainer.classes.loss is not None and trainer.classes.d_weight == 0:
        raise UserError(f"--class_weight=0: nothing trains D's classes with --conditional={kind}; use 1")
    if not trainer.adversarial:
        raise UserError(
            f"--g_loss={args.g_loss}: does not tell G its classes; use adversarial or mixed with "
            "--conditional"
        )
    unused(trainer.classes.loss is not None, "--conditional=acgan or d2dce", *terms)
    unused(kind == "d2dce", "--conditional=d2dce", *margins)
