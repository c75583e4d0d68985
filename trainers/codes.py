"""What trainers with an encoder share: how codes are asked for by the modes that look at them
(eval/modes/autoencoder.py)."""

from trainers.base import Trainer


def add_mode_flags(group):
    """Says that runs have the modes that look at codes: their flags may be given in training, and stand in
    flags.json."""
    group.serves("codes")


class Coder(Trainer):
    """A trainer whose role `enc` gives codes. A subclass writes decode(h); its add_flags calls
    add_mode_flags."""

    def code(self, h):
        """The code in what the encoder gives: all of it; of a variational one the mean."""
        return h

    def encode(self, x):
        """Codes [N, ...] of images [N, C, H, W], by the averaged encoder with --ema."""
        return self.code(self.sampling_net("enc")(x))

    def interpolate(self, h, other, p):
        """p h + (1 - p) other, of codes [N, ...]: h where p = 1."""
        return other.lerp(h, p)

    def combine(self, hs, shares):
        """sum_i shares[i] hs[i] of k codes [N, ...] with k shares that sum to 1."""
        return sum(share * h for h, share in zip(hs, shares))
