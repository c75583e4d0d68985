import math

import pytest
import torch

from losses import rotation


def images(n=5, size=4):
    torch.manual_seed(0)
    return torch.randn(n, 3, size, size).contiguous(memory_format=torch.channels_last)


def rotate(x, k):
    return rotation.turned(x, torch.arange(len(x)), torch.full((len(x),), k))


def test_turns_are_exact_and_a_group():
    x = images()
    assert torch.equal(rotate(x, 0), x)
    assert torch.equal(rotate(rotate(x, 1), 3), x) and torch.equal(rotate(rotate(x, 2), 2), x)
    assert torch.equal(rotate(rotate(x, 1), 1), rotate(x, 2)) and torch.equal(
        rotate(rotate(x, 1), 2), rotate(x, 3)
    )
    assert rotate(x, 1).is_contiguous(memory_format=torch.channels_last)
    one = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    assert rotate(one, 1).tolist() == [[[[2, 4], [1, 3]]]]  # counter-clockwise


@pytest.mark.parametrize("pool", rotation.POOLS)
@pytest.mark.parametrize("classes", (4, 5))
def test_labels_follow_images_after_shuffling(pool, classes):
    """Real image i holds the value i + 1 in its upper left corner, generated image i the value 101 + i.

    The corner in which the value lies tells how the image was turned.
    """
    n, size = 7, 4
    x, fake = torch.zeros(n, 1, size, size), torch.zeros(n, 1, size, size)
    x[:, 0, 0, 0], fake[:, 0, 0, 0] = torch.arange(n) + 1.0, 101.0 + torch.arange(n)
    torch.manual_seed(1)
    source, turn = rotation.POOLS[pool](n, classes)
    made = rotation.turned(x, source, turn, fake if classes == 5 else None)
    corner = {0: (0, 0), 1: (size - 1, 0), 2: (size - 1, size - 1), 3: (0, size - 1), 4: (0, 0)}
    for image, i, k in zip(made, source.tolist(), turn.tolist()):
        assert image[0][corner[k]] == i + (101 if k == 4 else 1) and image.count_nonzero() == 1
    pairs = set(zip(source.tolist(), turn.tolist()))
    assert len(pairs) == len(source) == {"random": n, "stratified": n, "full": n * classes}[pool]
    if pool == "stratified":
        counts = turn.bincount(minlength=classes)
        assert counts.max() - counts.min() <= 1 and sorted(source.tolist()) == list(range(n))


def test_the_random_pool_is_uniform_over_all_members():
    torch.manual_seed(0)
    n, classes, draws = 3, 5, 3000
    counts = torch.zeros(n * classes)
    for _ in range(draws):
        source, turn = rotation.random_pool(n, classes)
        counts[turn * n + source] += 1
    expected = draws / classes
    assert (counts - expected).abs().max() < 5 * math.sqrt(expected * (1 - 1 / classes))


@pytest.mark.parametrize("classes", (4, 5))
def test_cross_entropy_at_equal_logits(classes):
    turn = torch.arange(8) % classes
    logits = torch.zeros(8, classes, dtype=torch.float64)
    assert torch.allclose(
        rotation.cross_entropy(logits, turn), torch.full((8,), math.log(classes), dtype=torch.float64)
    )
    assert torch.allclose(
        rotation.one_hot_bce(logits, turn), torch.full((8,), math.log(2), dtype=torch.float64)
    )


def test_cross_entropies_are_the_formulas():
    torch.manual_seed(0)
    logits, turn = torch.randn(6, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 4])
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    assert torch.allclose(rotation.cross_entropy(logits, turn), -p[torch.arange(6), turn].log())
    target = torch.eye(5, dtype=torch.float64)[turn]
    s = torch.sigmoid(logits)
    assert torch.allclose(
        rotation.one_hot_bce(logits, turn), -(target * s.log() + (1 - target) * (1 - s).log()).mean(1)
    )


def test_accuracies_are_of_each_class():
    logits = torch.eye(4)[torch.tensor([0, 0, 1, 2, 3, 3])]
    assert rotation.accuracies(logits, torch.tensor([0, 0, 1, 1, 2, 3])).tolist() == [1.0, 0.5, 0.0, 1.0]
    assert rotation.accuracies(logits[:2], torch.tensor([0, 0]))[1:].isnan().all()
