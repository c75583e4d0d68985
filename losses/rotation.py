"""Rotation as a classification task: rotated images, the pools that choose among them, and the cross-entropy.

Chen et al. 2019 (SSGAN, arXiv 1811.11212), section 3; Tran et al. 2019 (MS-GAN, arXiv 1911.06997), whose
fifth class is generated images; Hou et al. 2021 (SSGAN-LA, arXiv 2106.08601), with two classes a rotation.
R_k turns by k times 90 degrees, counter-clockwise. It moves pixels and interpolates none.
"""

import torch
import torch.nn.functional as F

TURNS, FAKE = 4, 4  # R_0 .. R_3; the class of generated images


def turned(x, source, turn, fake=None):
    """The images R_turn[i] x[source[i]], or fake[source[i]] unrotated where turn[i] is FAKE.

    x, fake: [N, C, H, H]. source: int64 [M] in 0 .. N-1. turn: int64 [M] in 0 .. 3, and 4 (FAKE) if `fake` is
    given. Returns [M, C, H, H], channels-last in memory.
    """
    # as [N, H, W, C], so that what is picked comes out channels-last
    x = x.permute(0, 2, 3, 1)
    classes = [x] + [torch.rot90(x, k, (1, 2)) for k in range(1, TURNS)]
    if fake is not None:
        classes.append(fake.permute(0, 2, 3, 1))
    return torch.stack(classes)[turn, source].permute(0, 3, 1, 2)


def random_pool(n, classes, device=None):
    """n of the pool's classes * n members, drawn without replacement, as the original does.

    The number of each class varies (multivariate hypergeometric).
    """
    member = torch.randperm(n * classes, device=device)[:n]
    return member % n, member // n


def stratified_pool(n, classes, device=None):
    """Each image once, and each class n / classes times, rounded up or down."""
    return torch.randperm(n, device=device), torch.arange(n, device=device) % classes


def full_pool(n, classes, device=None):
    """All classes * n members."""
    member = torch.arange(n * classes, device=device)
    return member % n, member // n


# pool(n, classes, device) -> (source, turn), int64 [M] each, for `turned`: a choice among `classes` copies of
# n images
POOLS = {"random": random_pool, "stratified": stratified_pool, "full": full_pool}


def cross_entropy(logits, turn):
    """Softmax cross-entropy -log p(turn), [M]; log 4 or log 5 for equal logits.

    logits: [M, classes]. turn: int64 [M].
    """
    return F.cross_entropy(logits, turn, reduction="none")


def one_hot_bce(logits, turn):
    """Binary cross-entropy of each logit against the one-hot class, averaged over classes, [M].

    There is no softmax, and the gradient is about five times smaller than that of `cross_entropy`.
    """
    target = F.one_hot(turn, logits.shape[1]).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(1)


# SSGAN-LA: class 2k of R_k x, class 2k + 1 of R_k G(z), eight in all


def label(turn, generated):
    """The class of images turned by `turn`, int64 [M], real or generated."""
    return 2 * turn + int(generated)


def margins(logits, labels):
    """l_j - l_y of the classes j other than the label y: [M, classes - 1]."""
    others = torch.ones_like(logits, dtype=torch.bool).scatter_(1, labels[:, None], False)
    return logits[others].view(len(logits), -1) - logits.gather(1, labels[:, None])


def multi_hinge(logits, labels):
    """The mean over the classes j other than the label y of max(0, 1 - l_y + l_j), [M]; 1 for equal logits.

    That of the authors' CIFAR-10 script.
    """
    return F.relu(1 + margins(logits, labels)).mean(1)


def fooled(loss, turn, logits):
    """G's loss, loss(2k) - loss(2k + 1), [M], of logits [M, 8] of R_k G(z). Hou et al. 2021, eq. 8."""
    return loss(logits, label(turn, False)) - loss(logits, label(turn, True))


# --la_loss: (D's loss of logits and classes, G's of logits and rotations). Cross-entropy: Hou et al. 2021,
# eq. 7 and 8. hinge: as in their code, where G's is linear, the margins themselves: 8/7 (l_{2k+1} - l_{2k})
LA_LOSSES = {
    "ce": (cross_entropy, lambda logits, turn: fooled(cross_entropy, turn, logits)),
    "hinge": (multi_hinge, lambda logits, turn: fooled(lambda l, y: margins(l, y).mean(1), turn, logits)),
}


def accuracies(logits, turn):
    """The accuracy of each class: the share of its examples whose largest logit is its own, [classes].

    NaN for a class without examples.
    """
    right = (logits.argmax(1) == turn).float()
    member = F.one_hot(turn, logits.shape[1]).float()
    return right @ member / member.sum(0)
