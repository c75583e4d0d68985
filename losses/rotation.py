"""Rotations as a classification task: the rotated images, which of them are kept, and the cross-entropy of their classes.

Chen et al. 2019 (SSGAN, arXiv 1811.11212), section 3; Tran et al. 2019 (MS-GAN, arXiv 1911.06997), whose fifth class are generated images.
R_k turns by k times 90 degrees, counter-clockwise, exactly: pixels are moved, none is interpolated.
"""

import torch
import torch.nn.functional as F

TURNS, FAKE = 4, 4  # R_0 .. R_3; the class of generated images


def turned(x, source, turn, fake=None):
    """The images R_turn[i] x[source[i]], or fake[source[i]], upright, where turn[i] is FAKE: [M, C, H, H], channels-last.

    x, fake: [N, C, H, H]. source: int64 [M] in 0 .. N-1. turn: int64 [M] in 0 .. 3, or 4 where there is `fake`.
    """
    # as [N, H, W, C], so that what is picked comes out channels-last
    x = x.permute(0, 2, 3, 1)
    kinds = (
        [x]
        + [torch.rot90(x, k, (1, 2)) for k in range(1, TURNS)]
        + ([] if fake is None else [fake.permute(0, 2, 3, 1)])
    )
    return torch.stack(kinds)[turn, source].permute(0, 3, 1, 2)


def random_pool(n, classes, device=None):
    """n of the pool's classes * n members, without repetition; how many each class has varies (multivariate hypergeometric). The original's."""
    member = torch.randperm(n * classes, device=device)[:n]
    return member % n, member // n


def stratified_pool(n, classes, device=None):
    """Each image once, each class n / classes times (as near as may be)."""
    return torch.randperm(n, device=device), torch.arange(n, device=device) % classes


def full_pool(n, classes, device=None):
    """All classes * n members."""
    member = torch.arange(n * classes, device=device)
    return member % n, member // n


# pool(n, classes, device) -> (source, turn), int64 [M] each, for `turned`: who is kept of all copies of n images in `classes` classes
POOLS = {"random": random_pool, "stratified": stratified_pool, "full": full_pool}


def cross_entropy(logits, turn):
    """Softmax cross-entropy -log p(turn), [M]: log 4 or log 5 for equal logits. logits: [M, classes]; turn: int64 [M]."""
    return F.cross_entropy(logits, turn, reduction="none")


def one_hot_bce(logits, turn):
    """Binary cross-entropy of each logit against the one-hot class, averaged over classes, [M]: not a softmax, and about five times weaker."""
    target = F.one_hot(turn, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)


def accuracies(logits, turn):
    """The share of each class's examples whose largest logit is its own: [classes]. Not a number for a class without examples."""
    right = (logits.argmax(1) == turn).float()
    member = F.one_hot(turn, logits.shape[1]).float()
    return right @ member / member.sum(0)
