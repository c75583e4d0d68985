"""What a person watches in a GAN while it trains, as functions of arrays and modules; usual.py has the usual
range of each."""

import contextlib
import math

import torch

ROUNDS, BLOCK = 12, 8  # of the subspace iteration for singular values


def accuracies(real, fake, boundary=0.0):
    """{"accuracy_real", "accuracy_fake"}: the shares of logits of real [N] and of generated [M] examples on
    their own side of the boundary; "accuracy_both": the mean of the two.

    boundary: the logit of an example that D cannot place. None: not known, as of a critic's scores; it is
    then halfway between the mean logits of the two kinds.
    """
    if boundary is None:
        boundary = (real.mean() + fake.mean()) / 2
    of_real = float((real > boundary).double().mean())
    of_fake = float((fake < boundary).double().mean())
    return {"accuracy_real": of_real, "accuracy_fake": of_fake, "accuracy_both": (of_real + of_fake) / 2}


def overfitting(real, held_out, fake):
    """r_v = (E D(real) - E D(held out)) / (E D(real) - E D(fake)) of logits [N]: 0 where D takes held-out
    images for what training images are to it, 1 where it takes them for generated ones.

    Karras et al. 2020, "Training generative adversarial networks with limited data", eq. 1. None where E
    D(real) is not above E D(fake) by two standard errors: the ratio would be noise.
    """
    real, held_out, fake = real.double(), held_out.double(), fake.double()
    gap = real.mean() - fake.mean()
    error = (real.var() / len(real) + fake.var() / len(fake)).sqrt()
    if not gap > 2 * error:
        return None
    return float((real.mean() - held_out.mean()) / gap)


def weights_of(net):
    """{name of a layer: its weight [n, m] as a matrix (out, rest)}, spectral norms applied, of layers whose
    weight has two dimensions or more. net in evaluation mode, where spectral norms keep nothing."""
    found = {}
    for name, part in net.named_modules():
        weight = getattr(part, "weight", None)
        if torch.is_tensor(weight) and weight.ndim > 1 and not isinstance(part, torch.nn.Embedding):
            found[name or type(part).__name__] = weight.detach().flatten(1)
    return found


def largest_singular_value(matrix, generator=None):
    """The largest singular value of a matrix [n, m], by subspace iteration (Halko et al. 2011, algorithm
    4.4): from below, within 1% of it for the weights of a network.

    An exact one costs n^2 m; this costs 2 ROUNDS BLOCK n m. generator: of the block that it starts from.
    """
    a = matrix.float()
    if len(a) > a.shape[1]:
        a = a.T
    start = torch.randn(len(a), min(BLOCK, len(a)), generator=generator)
    q = torch.linalg.qr(start.to(a.device)).Q
    for _ in range(ROUNDS):
        q = torch.linalg.qr(a @ (a.T @ q)).Q
    return float(torch.linalg.svdvals(a.T @ q)[0])


def gradient_norms(optimiser):
    """[k]: the root mean square of the gradient's norm for each of an Adam's k parameters, over about its
    last 1 / (1 - beta2) updates: (sum v / (1 - beta2^t))^(1/2), v the second moments. None before the first.

    The norm for all parameters is the root of the sum of their squares. It costs no backward pass, and is a
    function of the state.
    """
    found = []
    for group in optimiser.param_groups:
        for state in (optimiser.state[p] for p in group["params"] if p in optimiser.state):
            seen = 1 - group["betas"][1] ** float(state["step"])
            if seen > 0:
                found.append((state["exp_avg_sq"].double().sum() / seen).sqrt())
    return torch.stack(found) if found else None


def duplicates(samples, real):
    """The share of samples [N, ...] whose nearest other sample is nearer than any two of the real images
    [M, ...] are to one another; Euclidean distances of pixels.

    0 is usual: it is what other real images would give, but for chance. After the birthday test of Arora et
    al. 2018, "Do GANs learn the distribution?", with a threshold in place of eyes. M is cut to N.
    """
    real = real[: len(samples)]
    return float((nearest_other(samples) < nearest_other(real).min()).double().mean())


def nearest_other(x):
    """[N]: the distance of each of x [N, ...] from the nearest of the others."""
    x = x.flatten(1).double()
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.fill_diagonal_(math.inf).min(1).values


class Channels:
    """Which channels that enter layers with weights are the same for all examples.

    Those of inputs of the network itself, images and noise, are left out. shares(): see there.
    """

    def __init__(self, net):
        self.net, self.alive, self.given = net, {}, ()

    @contextlib.contextmanager
    def watching(self):
        """Inside the block calls of the network are watched; by torch's own code, where it is compiled."""
        compiled = vars(self.net).pop("forward", None)
        hooks = [self.net.register_forward_pre_hook(self.begin)]
        for name, part in self.net.named_modules():
            if getattr(getattr(part, "weight", None), "ndim", 0) > 1 and part is not self.net:
                hooks.append(part.register_forward_pre_hook(lambda p, x, name=name: self.look(name, p, x)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            if compiled is not None:
                self.net.forward = compiled

    def begin(self, net, inputs):
        """A call of the network begins."""
        self.given = {x.untyped_storage().data_ptr() for x in inputs if torch.is_tensor(x)}

    def look(self, name, part, inputs):
        """A layer is called: notes which channels of its input differ between examples, by more than 1e-6 of
        the largest value."""
        x = inputs[0] if inputs else None
        if not torch.is_tensor(x) or x.ndim < 2 or len(x) < 2:
            return
        if x.untyped_storage().data_ptr() in self.given:
            return
        x = x.detach()
        differ = x.amax(0) - x.amin(0) > 1e-6 * x.abs().max()
        # convolutions have channels first, [C, H, W] of an example; linear layers last, [..., C]
        last = isinstance(part, torch.nn.Linear) or differ.ndim == 1
        alive = differ.flatten(0, -2).any(0) if last and differ.ndim > 1 else differ
        alive = alive if last else differ.flatten(1).any(1)
        self.alive[name] = self.alive[name] | alive if name in self.alive else alive

    def shares(self):
        """{layer: the share of its channels that are the same for all examples of each call}."""
        return {name: 1 - float(alive.double().mean()) for name, alive in self.alive.items()}

    def share(self):
        """That share over all layers; None where none was called."""
        if not self.alive:
            return None
        return 1 - float(torch.cat(list(self.alive.values())).double().mean())
