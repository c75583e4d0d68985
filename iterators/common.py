"""The names that an iterator file imports: `from iterators.common import DataIterator`. They live in
iterators/library."""

from iterators.library.augment import dequantised, in_turn, random_flip
from iterators.library.iterator import Arrays, DataIterator, check_batch_size, count_classes
from iterators.library.splits import Splits, choose_subset, iterators, split
from iterators.library.wrap import wrap

__all__ = [
    "Arrays",
    "DataIterator",
    "Splits",
    "check_batch_size",
    "choose_subset",
    "count_classes",
    "dequantised",
    "in_turn",
    "iterators",
    "random_flip",
    "split",
    "wrap",
]
