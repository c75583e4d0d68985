"""Inception score from logits, added up batch by batch (Salimans et al. 2016, section 4)."""

import numpy as np
import torch

from engine import distributed


class Score:
    """exp(mean over a split of KL(p(y|x) || mean p(y))), as the mean and standard deviation (divisor n) over splits.

    Held are, for each split, sum p [K], sum p log p and the count, in float64: KL = mean sum_y p log p - sum_y p_ log p_ with
    p_ the mean of p. log p comes from log_softmax: a probability of 0 adds 0, and nothing is added to avoid log 0.
    """

    def __init__(self, splits, classes, device="cpu"):
        self.p = torch.zeros(splits, classes, dtype=torch.float64, device=device)
        self.p_log_p = torch.zeros(splits, dtype=torch.float64, device=device)
        self.n = torch.zeros(splits, dtype=torch.float64, device=device)

    def add(self, logits, split):
        """logits: [n, K]; split: int64 [n], which split each belongs to."""
        log_p = logits.double().log_softmax(1)
        p, split = log_p.exp(), split.to(logits.device)
        self.p.index_add_(0, split, p)
        self.p_log_p.index_add_(0, split, (p * log_p).sum(1))
        self.n += torch.bincount(split, minlength=len(self.n))

    def merge(self):
        """Adds up over processes; to be called once, in each."""
        self.p, self.p_log_p, self.n = distributed.sum_over([self.p, self.p_log_p, self.n])

    def result(self):
        """(mean, standard deviation) over splits: the spread within one set of samples, not between runs."""
        mean = self.p / self.n[:, None]
        scores = (self.p_log_p / self.n - torch.xlogy(mean, mean).sum(1)).exp()
        return float(scores.mean()), float(scores.std(correction=0))


def split_of(n, splits=10):
    """int64 [n]: the split of each of n examples in order; split i is from i n / splits up to (i + 1) n / splits, rounded down."""
    bounds = [i * n // splits for i in range(splits + 1)]
    return torch.repeat_interleave(torch.arange(splits), torch.tensor(bounds).diff())


def inception_score(logits, splits=10, shuffle_seed=None):
    """(mean, standard deviation) over `splits` parts, in order, of logits [n, K].

    shuffle_seed: shuffles first, as torch-fidelity does with 2020; needed where examples are ordered by class.
    """
    if shuffle_seed is not None:
        logits = logits[torch.from_numpy(np.random.RandomState(shuffle_seed).permutation(len(logits)))]
    score = Score(splits, logits.shape[1], logits.device)
    score.add(logits, split_of(len(logits), splits))
    return score.result()
