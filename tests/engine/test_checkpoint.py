import os
import pickle

import pytest
import torch

from engine import checkpoint


def state(step=3):
    return {
        "step": step,
        "modules": {
            "w": torch.randn(5, 4),
            "c": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        },
        "flags": {"lr": 0.1, "x": [1, None, "s"]},
    }


def test_round_trip_is_exact_and_torch_reads_it(tmp_path):
    path, saved = str(tmp_path / "a.pt"), state()
    checkpoint.save(path, saved)
    for loaded in (checkpoint.load(path), torch.load(path, weights_only=True)):
        assert loaded["step"] == 3 and loaded["flags"] == saved["flags"]
        assert all(
            torch.equal(loaded["modules"][n], t) and loaded["modules"][n].stride() == t.stride()
            for n, t in saved["modules"].items()
        )
    assert os.listdir(tmp_path) == ["a.pt"]


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/should_not_be",)


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut by one byte": lambda data: data[:-1],
    "flipped bit": lambda data: data[:400] + bytes([data[400] ^ 1]) + data[401:],
    "flipped last bit of the body": lambda data: data[:-80] + bytes([data[-80] ^ 1]) + data[-79:],
    "foreign": lambda data: b"not a checkpoint at all" * 50,
    "pickle": lambda data: pickle.dumps(Evil()) * 5,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_skipped_for_the_one_before(tmp_path, damage):
    for step in (3, 7):
        checkpoint.save(checkpoint.path_of(tmp_path, step), state(step))
    newest = checkpoint.path_of(tmp_path, 7)
    with open(newest, "rb") as file:
        data = file.read()
    with open(newest, "wb") as file:
        file.write(DAMAGES[damage](data))
    said = []
    step, loaded = checkpoint.newest(tmp_path, said.append)
    assert step == 3 and loaded["step"] == 3 and len(said) == 1 and "step_00000007.pt" in said[0]


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path):
    path = str(tmp_path / "evil.pt")
    checkpoint.save(path, {"step": 1, "x": Evil()})
    with pytest.raises(ValueError, match="torch cannot read it"):
        checkpoint.load(path)
    assert not os.path.exists("/tmp/should_not_be")


def test_newest_is_by_number_and_never_by_time(tmp_path):
    for step in (20, 100000000, 3):
        checkpoint.save(checkpoint.path_of(tmp_path, step), state(step))
    for name in ("step_00000999.pt.tmp12", "step_9.pt", "other.pt"):
        (tmp_path / name).write_bytes(b"")
    assert checkpoint.steps(tmp_path) == [100000000, 20, 3]
    assert checkpoint.newest(tmp_path, None)[0] == 100000000


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = str(tmp_path / "a.pt")
    checkpoint.save(path, state(1))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        checkpoint.save(path, state(2))
    assert checkpoint.load(path)["step"] == 1 and os.listdir(tmp_path) == ["a.pt"]


def test_retention(tmp_path):
    for step in range(10, 101, 10):
        checkpoint.save(checkpoint.path_of(tmp_path, step), {"step": step})
    checkpoint.prune(tmp_path, 0, 0)
    assert len(checkpoint.steps(tmp_path)) == 10
    checkpoint.prune(tmp_path, 2, 30)
    assert checkpoint.steps(tmp_path) == [100, 90, 60, 30]
    checkpoint.prune(tmp_path, 1, 0)
    assert checkpoint.steps(tmp_path) == [100]
