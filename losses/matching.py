"""Feature matching: a generator's loss in place of, or beside, the adversarial loss.

Salimans et al. 2016, "Improved techniques for training GANs" (arXiv 1606.03498), section 3.1, and its code
openai/improved-gan. All are called as form(real, fake), with features [N, ...] and [M, ...] of one layer of
D, and return a scalar. The real features are constants: no gradient. Means are over each process's own batch.
"""


def difference(real, fake):
    """E f(x) - E f(G(z)), flattened: [d]."""
    return (real.detach().mean(0) - fake.mean(0)).flatten()


def squared(real, fake):
    """|E f(x) - E f(G(z))|_2^2: the paper's."""
    return difference(real, fake).square().sum()


def mean_squared(real, fake):
    """The same divided by the number of features: the code's, for MNIST."""
    return difference(real, fake).square().mean()


def absolute(real, fake):
    """Mean of |E f(x) - E f(G(z))| over features: the code's, for CIFAR-10 and SVHN."""
    return difference(real, fake).abs().mean()


MATCHING = {"squared": squared, "mean_squared": mean_squared, "absolute": absolute}
