"""Where images come from."""

import pytest
import torch
from torch.utils.data import Dataset

from engine.errors import UserError
from engine.randomness import permutation
from eval.metrics import sources
from iterators.common import DataIterator, random_flip


def images(n=20, channels=3):
    return torch.randint(
        0, 256, (n, channels, 5, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


class Lazy(Dataset):
    """The same images, one at a time, in [-1, 1]."""

    def __len__(self):
        return 20

    def __getitem__(self, i):
        return images()[i].float() / 127.5 - 1, i % 3


def drawn(source, n, batch=6):
    positions, parts = zip(*source.batches(n, batch))
    assert torch.cat(positions).tolist() == list(range(n))
    return torch.cat([sources.to_bytes(part, "") for part in parts])


def test_a_tensor_a_data_iterator_and_a_lazy_one_give_the_same_images():
    part = images()[permutation(20, "evaluation")[:13]]
    flipped = DataIterator({"x": images(), "y": torch.arange(20)}, 6, seed=5, augment=random_flip)
    for real in (
        images(),
        images().numpy(),
        images().float() / 127.5 - 1,
        flipped,
        DataIterator(Lazy(), 6, seed=7),
    ):
        source = sources.of(real)
        assert source.n == 20 and torch.equal(drawn(source, 13), part)


def test_the_training_split_is_all_of_it_and_others_are_their_own_part():
    held = DataIterator({"x": images()}, 4, indices=[3, 4, 5, 6, 7])
    assert sources.of(held, "train").n == 20 and sources.of(held, "valid").n == 5
    assert sorted(map(str, drawn(sources.of(held, "valid"), 5))) == sorted(map(str, images()[3:8]))
    assert sources.of(DataIterator(Lazy(), 4, indices=[3, 4, 5, 6, 7]), "valid").n == 5


def test_a_stream_gives_exactly_as_many_as_asked_for():
    batches = [{"x": part.float() / 127.5 - 1} for part in images().split(7)]
    assert torch.equal(drawn(sources.of(batches), 13, 4), images()[:13])
    assert torch.equal(
        torch.cat([part for _, part in sources.of(list(images().split(7))).batches(None, 4)]), images()
    )
    with pytest.raises(
        UserError, match="^--protocol: given 21 real images, and the data has 20; use 20 or fewer"
    ):
        list(sources.of(batches).batches(21, 4))


def test_fingerprints_tell_images_apart_and_nothing_else():
    def of(x, n=20):
        return sources.of(x).fingerprint(n)

    whole = of(images())
    assert {
        of(images().contiguous(memory_format=torch.channels_last)),
        of(DataIterator({"x": images()}, 4, seed=1)),
    } == {whole}
    other = images()
    other[19, 2, 4, 4] ^= 1
    assert len({whole, of(other), of(images(19), 19), of(images(), 19)}) == 4
    assert of(images(3, 4).view(3, 5, 4, 5), 3) != of(images(3, 4), 3)
    unused = images()
    unused[permutation(20, "evaluation")[19]] ^= 1
    assert of(unused, 19) == of(images(), 19)
    assert of(DataIterator(Lazy(), 4)) is None and of([images()]) is None


def test_the_ith_sample_depends_on_the_seed_alone():
    def sample(n):
        return torch.rand(n, 1, 2, 2) * 2 - 1

    few, many, other = (
        drawn(sources.Generated(sample, seed), n, batch)
        for seed, n, batch in ((0, 77, 6), (0, 200, 100), (1, 77, 6))
    )
    assert (
        torch.equal(few, many[:77])
        and not torch.equal(few, other)
        and not torch.equal(many[:64], many[64:128])
    )


def test_drawing_leaves_the_generators_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    drawn(sources.Generated(lambda n: torch.rand(n, 1, 2, 2), 0), 9)
    drawn(sources.of(DataIterator(Lazy(), 4)), 9)
    assert torch.equal(before, torch.get_rng_state())


def test_a_generator_that_gives_fewer_than_asked_for():
    with pytest.raises(UserError, match="^sample.64. gave 3 samples; it must give"):
        drawn(sources.Generated(lambda n: torch.zeros(3, 1, 2, 2), 0), 6)


def test_what_is_no_image():
    with pytest.raises(UserError, match=r"^the samples have shape \[2\]; must be images \[C, H, W\]$"):
        sources.to_bytes(torch.zeros(5, 2), "the samples")
