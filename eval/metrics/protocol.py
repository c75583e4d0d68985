"""How many real and generated images a score is computed from: --protocol=50k-train, 10k-test, 10k-5k,
full-test, ..."""

import dataclasses
import re

from engine.errors import UserError

COUNT = re.compile(r"(\d+)(k?)|full")
AUTO, LARGE, ENOUGH = "auto", 100_000, 50_000  # full-train; ENOUGH images where there are more than LARGE


@dataclasses.dataclass(frozen=True)
class Protocol:
    """real, fake: numbers of images, None for as many as the split has; split: of the data set."""

    text: str
    split: str
    real: int | None
    fake: int | None

    def resolve(self, available):
        """(real, fake) as numbers, where the split has `available` images. Raises UserError if that is too
        few."""
        real = available if self.real is None else self.real
        if self.shortened(available):
            real = ENOUGH
        if real > available:
            raise UserError(
                f"--protocol: given {self.text}, and the data has {available:,} {self.split} images; "
                f"use {short(available)}-{self.split} or full-{self.split}"
            )
        return real, real if self.fake is None else self.fake

    def shortened(self, available):
        """Whether no protocol was given, and the split is so large that ENOUGH of its images are taken."""
        return self.text == AUTO and available > LARGE


def parse(text):
    """The Protocol of "<real>[-<generated>][-<split>]". Counts are 5000, 5k or full (the whole split).

    Without <generated> as many images are generated as are real; without <split> it is train. "auto" is
    full-train, or 50k-train where that split has more than 100,000 images. Raises UserError.
    """
    if text == AUTO:
        return Protocol(text, "train", None, None)
    words = text.split("-")
    counts = []
    while words and len(counts) < 2 and COUNT.fullmatch(words[0]):
        number, kilo = COUNT.fullmatch(words.pop(0)).groups()
        counts.append(None if number is None else int(number) * (1000 if kilo else 1))
    if not counts or len(words) > 1 or 0 in counts or 1 in counts or words and not words[0].isidentifier():
        raise UserError(
            f"--protocol: given {text!r}; must be <real images>[-<generated>][-<split>] with counts of 2 or "
            "more, as in 50k-train, 10k-test, 10k-5k, 10k-5k-test or full-test"
        )
    return Protocol(text, words[0] if words else "train", counts[0], counts[-1])


def label(real, fake, split):
    """A protocol as scores are named by it: "50k-train", "10k-5k-train"."""
    return "-".join([short(real), *([short(fake)] if fake != real else []), split])


def short(n):
    """50000 -> "50k", 297 -> "297"."""
    return f"{n // 1000}k" if n and n % 1000 == 0 else str(n)
