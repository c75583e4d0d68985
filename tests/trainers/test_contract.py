"""The trainer's contract: networks are tried before step 0, and old names of hooks are told."""

import pytest
import torch
from torch import nn

from engine.errors import UserError
from tests.trainers.test_gan import trainer
from trainers.gan import MixupGAN


class TooFew(nn.Module):
    """Takes no stop= and start=."""

    layers = 3

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        """Logits [N]."""
        return self.w * x.flatten(1).sum(1)


class Images(nn.Module):
    """A generator of images of one size."""

    def __init__(self, size):
        super().__init__()
        self.w, self.size = nn.Parameter(torch.ones(1)), size

    def forward(self, z):
        """[N, 1, size, size]."""
        return self.w * z.new_ones(len(z), 1, self.size, self.size)


@pytest.mark.parametrize(
    "words, gen, said",
    (
        ((), 9, r"--network: gen of .* gives \[2, 1, 9, 9\] for two examples; must be \[2, 1, 8, 8\]"),
        (("--mixup=1",), 8, "--network: disc of .* does not fit trainers/gan.py, TypeError"),
    ),
)
def test_a_network_that_does_not_fit_is_named(words, gen, said):
    t = trainer(*words, nets={"gen": Images(gen), "disc": TooFew()})
    with pytest.raises(UserError, match=said):
        t.check_networks()


def test_the_check_leaves_generators_and_buffers():
    t = trainer("--mixup=hidden")
    before, buffers = torch.get_rng_state(), {n: b.clone() for n, b in t.named_buffers()}
    t.check_networks()
    assert torch.equal(before, torch.get_rng_state()) and t.training
    assert all(torch.equal(buffers[n], b) for n, b in t.named_buffers())


def test_old_names_of_hooks_are_told():
    with pytest.raises(UserError, match="--trainer: Old defines begin; rename it to on_step_start"):
        type("Old", (MixupGAN,), {"begin": lambda self, step: None})
    with pytest.raises(UserError, match="--trainer: MixupGAN uses best; rename it to sampling_net"):
        trainer().best("gen")
    assert not hasattr(type("New", (MixupGAN,), {}), "begin")
