"""--g_steps of every trainer that has a generator."""

import pytest

from tests.running import assert_equal, newest, train
from trainers.base import Trainer

TRAINERS = {
    "gan": ((), "gen", 1),
    "ssgan": (("--self_supervised=none", "--update_g_every=1", "--penalty", "r1=1"), "gen", 1),
    "dist_gan": (
        ("--network=networks/dist_gan_mlp.py", "--self_supervised=none", "--batch_size=16", "--d_steps=2"),
        "gen",
        2,
    ),
    "bigan": (("--network=networks/bigan_mnist.py", "--iterator_args", "size=28"), "ge", 1),
    "cyclegan": (
        ("--network=networks/cyclegan_mnist.py", "--iterator_args", "size=16", "channels_b=3"),
        "gens",
        1,
    ),
}


@pytest.mark.parametrize("name", TRAINERS)
def test_g_has_so_many_steps_and_one_is_the_default(tmp_path, name, monkeypatch):
    words, player, d_steps = TRAINERS[name]
    words = [f"--trainer=trainers/{name}.py", "--max_steps=2", "--log_every=1", *words]
    if name not in ("gan", "ssgan"):
        words.append("--network_args")  # those of the small network are not theirs
    updates, update = [], Trainer.update
    monkeypatch.setattr(Trainer, "update", lambda self, n, *more: updates.append(n) or update(self, n, *more))
    assert train(tmp_path / "three", *words, "--g_steps=3") == 0
    assert updates.count(player) == 6
    assert sum(n.startswith("disc") for n in updates) == 2 * d_steps
    for given in ("one", "none"):
        assert train(tmp_path / given, *words, *(["--g_steps=1"] if given == "one" else [])) == 0
    assert_equal(newest(tmp_path / "one"), newest(tmp_path / "none"))
