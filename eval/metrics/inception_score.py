"""Inception score from logits, accumulated batch by batch (Salimans et al. 2016, section 4)."""

import numpy as np
import torch

from engine import distributed


class Score:
    """exp(mean over a split of KL(p(y|x) || mean p(y))), as the mean and standard deviation (divisor n) over
    splits.

    For each split it holds sum p [K], sum p log p and the count, in float64. With q the mean of p over the
    split, mean KL = mean sum_y p log p - sum_y q log q. log p comes from log_softmax, so no small constant is
    needed inside log.
    """

    def __init__(self, splits, classes, device="cpu"):
        self.p = torch.zeros(splits, classes, dtype=torch.float64, device=device)
        self.p_log_p = torch.zeros(splits, dtype=torch.float64, device=device)
        self.n = torch.zeros(splits, dtype=torch.float64, device=device)

    def add(self, logits, split):
        """logits: [n, K]; split: int64 [n], the split that each belongs to."""
        log_p = logits.double().log_softmax(1)
        p, split = log_p.exp(), split.to(logits.device)
        self.p.index_add_(0, split, p)
        self.p_log_p.index_add_(0, split, (p * log_p).sum(1))
        self.n += torch.zeros_like(self.n).index_add_(
            0, split, torch.ones_like(self.n[:1]).expand(len(split))
        )

    def merge(self):
        """Sums over processes. To be called once, in every process."""
        self.p, self.p_log_p, self.n = distributed.sum_over([self.p, self.p_log_p, self.n])

    def result(self):
        """(mean, standard deviation) over splits. The deviation is within one set of samples, not between
        runs."""
        mean = self.p / self.n[:, None]
        scores = (self.p_log_p / self.n - torch.xlogy(mean, mean).sum(1)).exp()
        return float(scores.mean()), float(scores.std(correction=0))


def split_of(n, splits=10):
    """int64 [n]: the split of each of n examples. Split i is from floor(i n / splits) up to floor((i + 1) n /
    splits)."""
    bounds = [i * n // splits for i in range(splits + 1)]
    return torch.repeat_interleave(torch.arange(splits), torch.tensor(bounds).diff())


def inception_score(logits, splits=10, shuffle_seed=None):
    """(mean, standard deviation) over `splits` consecutive parts of logits [n, K].

    shuffle_seed: shuffles the examples first (torch-fidelity: 2020), which is needed where they are ordered
    by class.
    """
    if shuffle_seed is not None:
        logits = logits[torch.from_numpy(np.random.RandomState(shuffle_seed).permutation(len(logits)))]
    score = Score(splits, logits.shape[1], logits.device)
    score.add(logits, split_of(len(logits), splits))
    return score.result()
