"""LeCam: E (D(x) - a_F)^2 + E (D(G(z)) - a_R)^2, a_R, a_F averages of logits. Tseng et al. 2021, eq. 3."""

import torch
from torch import nn


class LeCam(nn.Module):
    twice_differentiated = False

    def __init__(self, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    def forward(self, context):
        real, fake = context.logits("real"), context.logits("fake")
        self.real.lerp_(context.mean(real).detach(), 1 - self.decay)
        self.fake.lerp_(context.mean(fake).detach(), 1 - self.decay)
        return (real - self.fake).square() + (fake - self.real).square()


def get_penalty():
    return LeCam()
