"""A discriminator's logits on the batches of one step, by as few forward passes as give the same numbers."""

from typing import NamedTuple

import torch

from losses.penalties import Context, zero_centred


class Shown(NamedTuple):
    """Examples as D sees them at the step's layer.

    h: hidden states [N, ...], or a tuple of such, whose logits are added. label: the degree to which they are
    real, 1, 0 or [N]; None: they have no term of their own. mask: of a mix, the first example's share, [N] or
    at each place [N, 1, H, W]. classes: what a conditional D is told, shares [N, K] that sum to 1; None for
    other discriminators.
    """

    h: torch.Tensor | tuple
    label: object
    mask: torch.Tensor | None = None
    classes: torch.Tensor | None = None

    @property
    def several(self):
        """Whether h is a tuple of states."""
        return isinstance(self.h, tuple)

    def inputs(self):
        """[arguments of Judge.disc_from before k, a tuple], one a state."""
        told = () if self.classes is None else (self.classes,)
        return [(h, *told) for h in (self.h if self.several else (self.h,))]


class Judge:
    """Asks a discriminator D for hidden states h_k and outputs of named batches. It owns no module, so it has
    no state.

    Where D is conditional, classes [N, K] go with examples wherever logits are asked for.

    There are three arrangements:
      joint     D compares real with generated examples: each batch passes beside the real one, as two halves
                of one batch
      shared    penalties ask for D's slope at real or generated images: one forward pass serves the logits
                and the gradient penalties. Separate calls: in a joint batch the penalty would backpropagate
                through every example
      plain     one call for all batches, unless the network mixes examples (see Trainer.forward_jointly)
    """

    def __init__(self, disc, forward_jointly, to_logits, joint=False, slopes_at=(), augment=None):
        """forward_jointly: Trainer's. to_logits: D's output -> logits [N]. joint: whether D compares the
        halves of a batch. slopes_at: the batches, "real" and "fake", whose slope shares the pass of their
        logits. augment: function (images [N, C, H, W], "gen" or "disc") -> T x, what D is shown in a step
        of that player: in all passes of the step, before examples are mixed, with gradients through T and
        slopes at x. None: x itself."""
        self.disc, self.forward_jointly, self.to_logits = disc, forward_jointly, to_logits
        self.joint, self.slopes_at = joint, frozenset(slopes_at)
        self.augment = augment or (lambda x, player: x)

    def passes(self, real, fake, k, *classes):
        """Begins a step: the Passes of real and generated images [N, C, H, W], held constant, by way of layer
        k; classes: of the real and of the generated ones."""
        return Passes(self, real, fake, k, classes)

    def score(self, x, *classes):
        """D's logits [N] of images [N, C, H, W] as they are."""
        return self.to_logits(self.disc_from(x, *classes, k=0))

    def score_shown(self, x, *classes):
        """D's logits [N] of T x, a new T each time: D as its step sees images [N, C, H, W]."""
        return self.score(self.augment(x, "disc"), *classes)

    def squared_slope(self, x, *classes, output=lambda logits: logits, training=True):
        """|grad_x output(D(x))|_2^2, [N], by a pass of its own. training: at D(T x), to be differentiated
        again."""
        score = self.score_shown if training else self.score
        return zero_centred(lambda images: output(score(images, *classes)), x, create_graph=training)

    def disc_to(self, x, k):
        """h_k(x); h_0 is x, whatever the discriminator."""
        return self.disc(x, stop=k) if k else x

    def disc_from(self, h, *classes, k):
        """D's output of hidden states h at layer k."""
        told = dict(zip(("y",), classes))
        return self.disc(h, start=k, **told) if k else self.disc(h, **told)

    def hidden(self, real, fake, k):
        """(h_k(real), h_k(fake)), both with their graph."""
        if not k:
            return real, fake
        if self.joint:
            return self.disc(torch.cat([real, fake]), stop=k).chunk(2)
        return self.forward_jointly(self.disc, lambda x: self.disc_to(x, k), real, fake)

    def hidden_for_g(self, real, fake, k):
        """(h_k(T real), h_k(T fake)); only the latter has a graph, unless D compares the halves of a
        batch."""
        fake, real = (self.augment(x, "gen") for x in (fake, real))
        if self.joint:
            return self.hidden(real, fake, k)
        h_fake = self.disc_to(fake, k)
        with torch.no_grad():
            return self.disc_to(real, k), h_fake

    def outputs(self, states, real, k):
        """{name: D's output} of {name: (h at layer k, *classes)}; real: that of the real batch, beside
        which a joint D judges each."""
        if self.joint:
            both = {name: self.disc_beside(real, each, k) for name, each in states.items() if name != "real"}
            return {name: both["fake"][0] if name == "real" else both[name][1] for name in states}
        judged = lambda *inputs: self.disc_from(*inputs, k=k)
        alone = {name: judged(*each) for name, each in states.items() if name in self.slopes_at}
        others = {name: each for name, each in states.items() if name not in self.slopes_at}
        return alone | dict(zip(others, self.forward_jointly(self.disc, judged, *others.values())))

    def outputs_for_g(self, real, fake, k, both=False):
        """{"fake": D's output of generated examples}, which a joint D judges beside the real ones; with both,
        "real" too, of which only a joint D's has a graph. real, fake: (h at layer k, *classes)."""
        if self.joint:
            return dict(zip(("real", "fake"), self.disc_beside(real, fake, k)))
        outputs = {"fake": self.disc_from(*fake, k=k)}
        if both:
            with torch.no_grad():
                outputs["real"] = self.disc_from(*real, k=k)
        return outputs

    def disc_beside(self, real, other, k):
        """(D's output of real, its output of other), (h, *classes) each, of one joint batch."""
        output = self.disc_from(*map(torch.cat, zip(real, other)), k=k)
        return output[: len(real[0])], output[len(real[0]) :]


class Passes:
    """The passes of one step: `seen`, T x of real and generated images; their hidden states real, fake [N,
    ...] at layer k, and classes (of real, of fake), or (); then D's outputs, then what penalties see."""

    def __init__(self, judge, real, fake, k, classes=()):
        self.judge, self.k, self.images = judge, k, (real.detach(), fake.detach())
        self.classes = classes
        x = dict(zip(("real", "fake"), self.images))
        self.leaves = {name: x[name].detach().requires_grad_() for name in judge.slopes_at}
        self.seen = [judge.augment(self.leaves.get(name, x[name]), "disc") for name in x]
        if judge.slopes_at:
            self.real, self.fake = (judge.disc_to(x, k) for x in self.seen)
        else:
            self.real, self.fake = judge.hidden(*self.seen, k)

    def logits(self, shown):
        """{name: logits [N]} of {name: Shown at layer k}; those of several states are added."""
        one = {name: each.inputs()[0] for name, each in shown.items() if not each.several}
        added = {name: each.inputs() for name, each in shown.items() if each.several}
        states = one | {(name, i): each for name, several in added.items() for i, each in enumerate(several)}
        self.shown, self.outputs = shown, self.judge.outputs(states, (self.real, *self.classes[:1]), self.k)
        found = {name: self.judge.to_logits(output) for name, output in self.outputs.items()}
        self.known = {name: logits for name, logits in found.items() if name in one}
        return self.known | {name: sum(found[name, i] for i in range(len(hs))) for name, hs in added.items()}

    def context(self, labels, step, trainer, z=None):
        """The Context of a trainer's penalties; z: the noise of the generated images."""
        known = self.judge.score_shown, *self.images, self.known, self.leaves, labels, step
        return Context(*known, trainer.mean, trainer.generator, trainer, self, z, self.classes)
