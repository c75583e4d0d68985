"""How many images a score is computed from, and which: --protocol=50k-train, 10k-test, 10k-5k, full-test, ..."""

import dataclasses
import re

from engine.errors import UserError

COUNT = re.compile(r"(\d+)(k?)|full")


@dataclasses.dataclass(frozen=True)
class Protocol:
    """real, fake: how many images, None for as many as the split has; split: of the data set."""

    text: str
    split: str
    real: int | None
    fake: int | None

    def resolve(self, available):
        """(real, fake) as numbers, given how many images the split has. Raises UserError if that is too few."""
        real = available if self.real is None else self.real
        if real > available:
            raise UserError(
                f"--protocol: given {self.text}; the data has {available:,} {self.split} images, so "
                f"{short(available)}-{self.split} or full-{self.split} would do"
            )
        return real, real if self.fake is None else self.fake


def parse(text):
    """<real>[-<generated>][-<split>] -> Protocol. Counts are 5000, 5k or full (the whole split); as many images are generated as
    are real, and the split is train, unless told. Raises UserError."""
    words = text.split("-")
    counts = []
    while words and len(counts) < 2 and COUNT.fullmatch(words[0]):
        number, kilo = COUNT.fullmatch(words.pop(0)).groups()
        counts.append(None if number is None else int(number) * (1000 if kilo else 1))
    if not counts or len(words) > 1 or 0 in counts or 1 in counts or words and not words[0].isidentifier():
        raise UserError(
            f"--protocol: given {text!r}; <real images>[-<generated>][-<split>] would do, as in 50k-train, 10k-test, "
            "10k-5k, 10k-5k-test or full-test, of two images or more"
        )
    return Protocol(text, words[0] if words else "train", counts[0], counts[-1])


def label(real, fake, split):
    """The name that stands with a score: "50k-train", "10k-5k-train"."""
    return "-".join([short(real), *([short(fake)] if fake != real else []), split])


def short(n):
    """50000 -> "50k", 297 -> "297"."""
    return f"{n // 1000}k" if n and n % 1000 == 0 else str(n)
