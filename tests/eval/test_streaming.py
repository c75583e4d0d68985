"""What a name promises is taken whole, and memory does not grow with it."""

import io
import weakref
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from engine import pictures
from engine.errors import UserError
from engine.randomness import random_images
from engine.record import Progress
from eval.metrics import evaluate, neighbours, protocol, sources
from eval.modes import gan, writing
from iterators.common import Arrays, DataIterator
from tests.eval.test_statistics import LINEAR, PIXELS
from tests.running import mode, train

MANY = 120_001


class Virtual(Arrays):
    """So many images as no one should hold: made when they are asked for, as dSprites' are."""

    def __init__(self, n=MANY):
        self.n, self.device, self.made, self.largest = n, torch.device("cpu"), 0, 0

    def __len__(self):
        return self.n

    def gather(self, indices):
        self.made, self.largest = self.made + len(indices), max(self.largest, len(indices))
        bits = (indices[:, None] >> torch.arange(16)) & 1
        return {"x": (bits * 255).to(torch.uint8).view(-1, 1, 4, 4)}


class Counted:
    """sample(n), and the most samples that were alive when more were asked for."""

    def __init__(self, shape=(1, 4, 4)):
        self.shape, self.alive, self.most = shape, weakref.WeakSet(), 0

    def __call__(self, n):
        self.most = max(self.most, sum(len(x) for x in self.alive))
        x = torch.rand(n, *self.shape) * 2 - 1
        self.alive.add(x)
        return x


class Trainer(torch.nn.Module):
    """What gan.drawn needs of one."""

    def __init__(self, sample):
        super().__init__()
        self.sample = sample

    def evaluating(self):
        return torch.no_grad()


def test_of_a_large_split_50k_are_taken_and_said_unless_a_protocol_is_given(tmp_path):
    source = Virtual()
    data = {"train": DataIterator(source, 8, n_classes=0)}
    source.largest = 0
    real = evaluate.reference(data, LINEAR, "auto", ["fid"], 256, tmp_path)
    assert (real.n_real, real.n_fake) == (50_000, 50_000) and real.statistics.n == 50_000
    assert real.note == "train has 120,001 images: --protocol=50k-train is used; full-train takes all of them"
    assert source.largest <= 4096  # of its fingerprint; 256 of the statistics
    made = source.made
    again = evaluate.reference(data, LINEAR, "auto", ["fid"], 256, tmp_path)
    assert source.made - made == 50_000 and again.note == real.note  # the fingerprint alone
    assert np.array_equal(again.statistics.mean, real.statistics.mean)
    whole = evaluate.reference(data, LINEAR, "full-train", ["fid"], 4096, tmp_path)
    assert whole.n_real == whole.statistics.n == MANY and whole.note == ""
    # every image once: the means of its bits
    bits = (torch.arange(MANY)[:, None] >> torch.arange(16)) & 1
    pixels = evaluate.reference(data, PIXELS, "full-train", ["fid"], 4096, tmp_path).statistics.mean
    assert np.allclose(pixels, bits.double().mean(0) * pixels.max() / bits.double().mean(0).max())


def test_a_small_split_is_taken_whole():
    assert protocol.parse("auto").resolve(100_000) == (100_000, 100_000)
    assert protocol.parse("auto").resolve(100_001) == (50_000, 50_000)


def test_images_made_when_asked_for_are_the_whole_split_too():
    held = DataIterator(Virtual(40), 4, indices=torch.arange(5), n_classes=0)
    assert sources.of(held, "train").n == 40 and sources.of(held, "valid").n == 5
    assert sources.of(held, "train").fingerprint(40) != sources.of(held, "train").fingerprint(39)


def test_a_data_set_that_leaves_images_out_is_refused():
    class Lazy(torch.utils.data.Dataset):
        def __len__(self):
            return 12

        def __getitem__(self, i):
            return torch.zeros(1, 4, 4), i

    def drop(items):
        return torch.utils.data.default_collate([item for item in items if item[1] != 7])

    data = {"train": DataIterator(Lazy(), 4, collate_fn=drop)}
    with pytest.raises(
        UserError, match="^the real images: 11 came of the 12 that --protocol names; use data"
    ):
        evaluate.reference(data, PIXELS, "full-train", ["fid"], 6)


def test_evaluation_holds_one_block_of_samples(tmp_path):
    sample = Counted()
    data = {"train": DataIterator(Virtual(300), 8, n_classes=0)}
    evaluate.evaluate(sample, data, PIXELS, "300-1000-train", ["fid"], 16, cache=tmp_path)
    assert sample.most <= sources.BLOCK


def test_random_images_are_picked_not_held():
    source = Virtual()
    some = random_images(DataIterator(source, 8, n_classes=0))
    source.largest = 0
    torch.manual_seed(3)
    x = some(5)
    torch.manual_seed(3)
    wanted = source.gather(torch.randint(MANY, (5,)))["x"].float() / 127.5 - 1
    assert torch.equal(x, wanted) and source.largest == 5


@pytest.mark.parametrize("ending", [".npz", ".zip", ""])
def test_samples_are_written_as_they_are_drawn(tmp_path, ending):
    sample, n = Counted((3, 4, 6)), 700
    out = str(tmp_path / f"s{ending}")
    with writing.kind_of(out, (3, 4, 6), n)(out, n, (3, 4, 6)) as writer:
        for part in gan.drawn(Trainer(sample), n, 4, batch=64):
            writer.add(part)
    assert sample.most <= 2 * 64  # the one that was written, and that it is a part of
    x = pictures.to_uint8(gan.draw(Trainer(Counted((3, 4, 6))), n, 4, batch=64)).permute(0, 2, 3, 1).numpy()
    if ending == ".npz":
        np.savez(tmp_path / "whole.npz", images=x)
        assert (tmp_path / "s.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
        return
    if ending:
        archive = zipfile.ZipFile(out)
        names = archive.namelist()
        files = [io.BytesIO(archive.read(name)) for name in names]
    else:
        files = sorted((tmp_path / "s").iterdir())
        names = [path.name for path in files]
    assert names == [f"{i:06d}.png" for i in range(n)]
    assert all(np.array_equal(np.asarray(Image.open(file)), image) for file, image in zip(files, x))


@pytest.mark.parametrize("ending", [".npz", ".zip", "", ".png"])
def test_what_is_broken_off_leaves_nothing(tmp_path, ending):
    out = str(tmp_path / f"s{ending}")
    with pytest.raises(KeyboardInterrupt):
        with writing.kind_of(out, (1, 4, 4), 9)(out, 9, (1, 4, 4)) as writer:
            writer.add(torch.zeros(5, 1, 4, 4))
            raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_zip_by_the_mode_and_what_is_refused(tmp_path):
    assert train(tmp_path, "--max_steps=1") == 0
    out = tmp_path / "samples.zip"
    assert mode(tmp_path, "--mode=sample", "--samples=300", f"--out={out}") == 0
    assert len(zipfile.ZipFile(out).namelist()) == 300
    for words, said in (
        ([f"--out={out}"], "exists; use another path"),
        (["--samples=10001"], "--samples: given 10,001; a .png shows at most 10,000: use --out=FOLDER"),
        ([f"--out={tmp_path}/x.jpg"], "use a .png, a .npz, a .zip or a folder"),
    ):
        with pytest.raises(UserError, match=said):
            mode(tmp_path, "--mode=sample", *words)


def test_neighbours_compare_blocks_of_samples_with_parts_of_the_images(monkeypatch):
    monkeypatch.setattr(neighbours, "HELD", 8 * 16 * 64)  # 64 samples
    source, sample = Virtual(2000), Counted()
    data = DataIterator(source, 8, n_classes=0)
    source.largest, found = 0, []
    for samples in neighbours.blocks(gan.drawn(Trainer(sample), 150, 0, batch=32)):
        assert len(samples) <= 64 and samples.dtype == torch.uint8
        found.append(neighbours.nearest(samples, data))
    assert sample.most <= 2 * 32 and source.largest <= 64
    whole = gan.draw(Trainer(Counted()), 150, 0, batch=32)
    monkeypatch.undo()
    wanted = neighbours.nearest(whole, data)
    # among images of one distance either may come first
    assert torch.equal(torch.cat([part["distances"] for part in found]), wanted["distances"])
    assert all(
        torch.equal(part["images"].flatten(0, 1), source.gather(part["indices"].flatten())["x"])
        for part in found
    )


def test_long_work_says_how_far_it_has_come(capsys):
    with Progress("the real images", 1000, seconds=0) as progress:
        progress.add(250)
    assert capsys.readouterr().err.startswith("the real images: 250 of 1,000, 0:00:0")
    with Progress("the real images", 1000) as progress:
        progress.add(250)
    assert capsys.readouterr().err == ""
