"""A batch in parts, for --accumulate: what is drawn or made once for the whole batch, and each part's rows.

Whoever draws numbers for the examples of a batch asks rows() for them. Where there are no parts, that is the
draw itself. Else the first part draws for the whole batch, and each part is given its own rows. So a step in
parts uses the random numbers of a step in one.
"""

import contextlib

import torch

from engine import devices
from engine.errors import UserError

_active = None  # the Parts that a loss is being computed for


def active():
    """Whether a loss is being computed for a part of a batch."""
    return _active is not None


def rows(make, n, axis=0):
    """make(n), a tensor with rows for n examples along `axis`; inside a part its rows of make(whole batch).

    n may be a multiple of the part's size: several batches of it, one after another. A gradient of the rows
    is collected, and passed on through make(whole batch) once, after the last part.
    """
    return make(n) if _active is None else _active.rows(make, n, axis)


def once(make):
    """make(); inside a part what the first part made."""
    return make() if _active is None else _active.once(make)


def place():
    """(the share of the batch that the part in hand has, whether it is the first, whether it is the last);
    (1, True, True) where there are no parts."""
    if _active is None:
        return 1.0, True, True
    return _active.size / _active.n, _active.i == 0, _active.i == len(_active) - 1


class Parts:
    """The parts of n examples, `number` of them or n if that is less, in their order."""

    def __init__(self, n, number):
        number = min(n, number)
        self.n, self.edges = n, [n * i // number for i in range(number + 1)]
        self.made, self.gradients = (
            [],
            {},
        )  # made for the whole batch, in order; {its place: a gradient a part}

    def __len__(self):
        return len(self.edges) - 1

    @contextlib.contextmanager
    def part(self, i):
        """Inside the block, rows() and once() are those of part i."""
        global _active
        self.i, self.start, self.size = i, self.edges[i], self.edges[i + 1] - self.edges[i]
        self.turn, self.leaves = 0, {}
        _active = self
        try:
            yield self.size / self.n
        finally:
            _active = None

    def once(self, make):
        """See the function."""
        if self.turn == len(self.made):
            if self.i:
                raise RuntimeError("a part of the batch draws what the first part did not")
            with self.suspended():
                self.made.append(make())
        self.turn += 1
        return self.made[self.turn - 1]

    def rows(self, make, n, axis):
        """See the function."""
        if n % self.size:
            raise RuntimeError(f"{n} rows are drawn for a part of {self.size} examples")
        whole = self.once(lambda: make(n // self.size * self.n))
        return self.cut(whole, axis, self.turn - 1)

    def argument(self, value, place):
        """The part's rows of an argument of the loss, a tensor or a tuple of them; else the value itself."""
        if isinstance(value, tuple):
            return tuple(self.argument(each, f"{place}, {i}") for i, each in enumerate(value))
        if not torch.is_tensor(value) or not value.ndim:
            return value
        if len(value) % self.n:
            raise UserError(
                f"--accumulate: batches of {self.n} and of {len(value)} examples have no parts in common; "
                "use --accumulate=1"
            )
        return self.cut(value, 0, place)

    def cut(self, whole, axis, place):
        """This part's rows of a tensor; if that has a graph, a leaf, whose gradient will be collected."""
        blocks = [
            whole.narrow(axis, first + self.start, self.size) for first in range(0, whole.shape[axis], self.n)
        ]
        found = blocks[0] if len(blocks) == 1 else torch.cat(blocks, axis)
        if not whole.requires_grad or not torch.is_grad_enabled():
            return found
        if place not in self.leaves:
            self.leaves[place] = whole, found.detach().requires_grad_()
        return self.leaves[place][1]

    def collect(self, gradients):
        """Keeps the gradients of this part's leaves, in their order."""
        for (place, (whole, _)), gradient in zip(self.leaves.items(), gradients):
            self.gradients.setdefault(place, (whole, []))[1].append(gradient)

    def upstream(self):
        """(tensors made for the whole batch, their gradients), of those that have a graph."""
        wholes, gradients = [], []
        for whole, found in self.gradients.values():
            blocks = len(whole) // self.n  # a gradient's rows are those of the blocks, one after another
            split = [g.chunk(blocks) for g in found]
            wholes.append(whole)
            gradients.append(torch.cat([each[b] for b in range(blocks) for each in split]))
        return wholes, gradients

    @contextlib.contextmanager
    def suspended(self):
        """Inside the block there are no parts: what is made is for the whole batch."""
        global _active
        _active = None
        try:
            yield
        finally:
            _active = self


def generator_states(*generators):
    """The states of all random generators in use, and of the given ones. A part that draws changes them."""
    others = [each.get_rng_state() for each in devices.initialised()]
    return [torch.get_rng_state(), *others, *(g.get_state() for g in generators)]


def joined(found):
    """One tensor of the tensors that the parts of a batch have given, in their order."""
    return found[0] if len(found) == 1 else torch.cat(found)
