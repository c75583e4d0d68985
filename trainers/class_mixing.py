"""Class mixing: codes mixed by a mask that depends on the attributes that the mix shall have.

Beckham et al. 2019, section on supervised mixing, after the commit of the released code that has it. a are
binary attributes. One step:

  1  as line 1 of trainers/amr.py; a_sup = s a + (1 - s) a[pi], s ~ Bernoulli(U(0, 1)) for each attribute
  2  m = class_mixer(a_sup); h_sup = m h + (1 - m) h[pi]; x_sup = dec(h_sup)
  3  every update_g_every-th step: enc, dec and class_mixer minimise
     AMR's loss + l(D(x_sup), 1) + beta |enc(x_sup) - h_sup|
     + cls l_cls(D_cls(x_sup), a_sup) + eps (sum m - F/2)^2
  4  D minimises AMR's loss + l(D(x_sup), 0) + l_cls(D_cls(x), a), D_cls its second head
  5  the probe, as in trainers/autoencoder.py

Differs from the code: the mask's network has no ReLU before its sigmoid (there: no mask is below 1/2).
"""

import torch

from engine.errors import UserError
from engine.flags import weight
from losses import reconstruction
from losses.mixing import mix
from trainers import amr


def add_flags(group):
    """Declares the flags of this trainer."""
    amr.add_flags(group)
    group.add_argument(
        "--cls",
        type=weight,
        default=1.0,
        help="weight of the attributes' loss on class mixes (default 1; the original's flag has 0)",
    )
    group.add_argument(
        "--cls_loss",
        choices=reconstruction.LABELLED,
        default="bce",
        help="loss of D's attribute probabilities (default bce)",
    )
    group.add_argument(
        "--eps",
        type=weight,
        default=1e-8,
        help="weight of (sum m - F/2)^2, which keeps masks near one half (default 1e-8)",
    )


def get_trainer(nets, args):
    """A ClassMixing. Raises UserError where flags contradict one another or the networks."""
    return ClassMixing(nets, args)


class ClassMixing(amr.AdversarialMixup):
    """Adversarial mixup resynthesis with a mask made from attributes (Beckham et al. 2019). The batch has
    attributes [N, A] in {0, 1}."""

    roles = ("enc", "dec", "disc", "class_mixer")
    learnt = ("enc", "dec", "class_mixer")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        if not hasattr(self.disc, "attributes"):
            raise UserError(
                f"--network: the discriminator of {args.network} has no attributes(x); use --network_args "
                "attributes=<their number>"
            )
        self.cls_loss = reconstruction.LABELLED[args.cls_loss]

    def train_step(self, batch, step):
        """One step of the algorithm above. Returns the logged terms."""
        x, a, due = batch["x"], self.attributes_of(batch), self.due(step)
        with torch.set_grad_enabled(due):
            h = self.enc(x)
            recon = self.dec(h) if due or self.on_recon else None
            h_mix = self.mix(h) if self.on_mix else None
            mixed = self.dec(h_mix) if self.on_mix else None
            h_sup, a_sup, mask = self.mix_by_attributes(h, a)
            sup = self.dec(h_sup)
        if due:
            terms = (
                self.recon_terms(x, recon, h, batch)
                | self.ae_terms(recon, h_mix, mixed)
                | self.sup_terms(sup, h_sup, a_sup, mask)
            )
        log = self.update("ae", terms) if due else {}
        log |= self.update(
            "disc", self.d_terms(x, recon, mixed, batch.get("y"), step) | self.d_sup_terms(x, a, sup)
        )
        return log | self.probe_step(h, batch)

    def attributes_of(self, batch):
        """float [N, A]. Raises UserError where the data has none, or not as many as the networks."""
        if "attributes" not in batch:
            raise UserError(
                f"--iterator={self.args.iterator}: its batches have no attributes; use "
                "iterators/attributes.py or iterators/celeba.py"
            )
        given, wanted = batch["attributes"].shape[1], self.class_mixer[0].in_features
        if given != wanted:
            raise UserError(
                f"--network_args attributes={wanted}: the data has {given}; use attributes={given}"
            )
        return batch["attributes"].float()

    def mix_by_attributes(self, h, a):
        """(h_sup [N, ...], a_sup [N, A], the mask [N, F])."""
        partner = torch.randperm(len(h), device=h.device)
        first = (torch.rand_like(a) < torch.rand_like(a)).float()  # Bernoulli(p), p ~ U(0, 1)
        a_sup = torch.lerp(a[partner], a, first)
        mask = self.class_mixer(a_sup)
        return mix((h, h[partner]), torch.stack([mask, 1 - mask])), a_sup, mask

    def sup_terms(self, sup, h_sup, a_sup, mask):
        """The class mixes' terms of the autoencoder's loss, each [N]."""
        args, hidden = self.args, self.disc(sup, stop=self.disc.layers - 1)
        terms = {
            "adv_sup": self.loss(self.disc(hidden, start=self.disc.layers - 1), 1.0),
            "even": (args.eps, (mask.sum(1) - mask.shape[1] / 2).square()),
        }
        if args.cls > 0:
            judged = self.disc.attributes(hidden, start=self.disc.layers - 1)
            terms["cls"] = args.cls, self.cls_loss(judged, a_sup).mean(1)
        if args.beta > 0:
            terms["consistency_sup"] = args.beta, reconstruction.l1(self.enc(sup), h_sup)
        return terms

    def d_sup_terms(self, x, a, sup):
        """The class mixes' terms of D's loss, each [N]; sup is taken as a constant."""
        return {
            "sup": self.loss(self.disc(sup.detach()), 0.0),
            "cls": self.cls_loss(self.disc.attributes(x), a).mean(1),
        }

    def blend(self, h, other, attributes):
        """Mixes of codes h and other [N, ...] by the mask for attributes float [N, A]: for the modes
        interp_sup."""
        mask = self.class_mixer(attributes)
        return mix((h, other), torch.stack([mask, 1 - mask]))
