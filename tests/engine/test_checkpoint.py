import errno
import os
import pickle

import pytest
import torch

from engine import checkpoint
from engine.errors import Interrupted, MissingError, UserError


def state(step=3):
    return {
        "step": step,
        "modules": {
            "w": torch.randn(5, 4),
            "c": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        },
        "optims": {},
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
    said = {}
    step, loaded = checkpoint.newest(tmp_path, said.__setitem__)
    assert step == 3 and loaded["step"] == 3 and list(said) == [newest]


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


def files(folder):
    return sorted(os.listdir(folder))


def prune(folder, step, keep_last, keep_every=0, good=None):
    said = []
    checkpoint.prune(folder, step, keep_last, keep_every, set() if good is None else good, said.append)
    return said


def test_retention(tmp_path):
    for step in range(10, 101, 10):
        checkpoint.save(checkpoint.path_of(tmp_path, step), {"step": step})
    prune(tmp_path, 100, 0)
    assert len(checkpoint.steps(tmp_path)) == 10
    prune(tmp_path, 100, 2, 30)
    assert checkpoint.steps(tmp_path) == [100, 90, 60, 30]
    prune(tmp_path, 100, 1)
    assert checkpoint.steps(tmp_path) == [100]


def test_a_damaged_checkpoint_does_not_count_among_those_that_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        checkpoint.save(checkpoint.path_of(tmp_path, step), {"step": step})
    for step in (3, 4):
        (tmp_path / f"step_{step:08d}.pt").write_bytes(b"cut short")
    said = prune(tmp_path, 4, 1)  # nor is one that was just written, and damaged by its disk
    assert checkpoint.steps(tmp_path) == [2] and len(said) == 2
    assert files(tmp_path) == ["step_00000002.pt", "step_00000003.pt.damaged", "step_00000004.pt.damaged"]


def test_the_one_just_written_stays_whatever_later_numbers_there_are(tmp_path):
    for step in (3, 9):
        checkpoint.save(checkpoint.path_of(tmp_path, step), {"step": step})
    prune(tmp_path, 3, 1)
    assert checkpoint.steps(tmp_path) == [9, 3]


def test_each_checkpoint_is_verified_once(tmp_path, monkeypatch):
    good, read, real = set(), [], checkpoint.verified
    monkeypatch.setattr(checkpoint, "verified", lambda path: read.append(path) or real(path))
    for step in (1, 2, 3, 4):
        checkpoint.save(checkpoint.path_of(tmp_path, step), {"step": step})
        prune(tmp_path, step, 3, good=good)
    assert len(read) == 4 and checkpoint.steps(tmp_path) == [4, 3, 2]


def test_a_name_that_says_another_step_is_damage(tmp_path):
    checkpoint.save(checkpoint.path_of(tmp_path, 3), state(3))
    os.rename(checkpoint.path_of(tmp_path, 3), checkpoint.path_of(tmp_path, 9))
    said = {}
    assert checkpoint.newest(tmp_path, said.__setitem__) == (0, None)
    assert list(said.values()) == ["its name says step 9, it holds step 3"]
    with pytest.raises(UserError, match="--resume: .*its name says step 9"):
        checkpoint.named(checkpoint.path_of(tmp_path, 9))


def test_what_is_set_aside_overwrites_nothing(tmp_path):
    for _ in range(3):
        (tmp_path / "a").write_text("x")
        checkpoint.set_aside(str(tmp_path / "a"))
    assert files(tmp_path) == ["a.damaged", "a.damaged2", "a.damaged3"]


@pytest.mark.parametrize("make", (os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)))
def test_what_is_no_file_is_damage_and_is_not_waited_for(tmp_path, make):
    checkpoint.save(checkpoint.path_of(tmp_path, 3), state(3))
    make(checkpoint.path_of(tmp_path, 9))
    said = {}
    assert checkpoint.newest(tmp_path, said.__setitem__)[0] == 3
    assert list(said.values()) == ["is no regular file"]


def broken_open(monkeypatch, error, times):
    """Makes open() of checkpoints fail so many times."""
    real, failed = open, []

    def failing(path, *args, **kwargs):
        if str(path).endswith(".pt") and len(failed) < times:
            failed.append(path)
            raise OSError(error, os.strerror(error), path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr("builtins.open", failing)


def test_a_passing_error_is_tried_again_and_a_lasting_one_is_no_damage(tmp_path, monkeypatch):
    for step in (3, 7):
        checkpoint.save(checkpoint.path_of(tmp_path, step), state(step))
    monkeypatch.setattr("engine.files.PAUSES", (0.01, 0.01, 0.01))
    with monkeypatch.context() as patched:
        broken_open(patched, errno.EIO, 3)
        assert checkpoint.newest(tmp_path, None)[0] == 7
    with monkeypatch.context() as patched:
        broken_open(patched, errno.EIO, 4)
        with pytest.raises(MissingError, match="cannot be read: Input/output error; it may be whole"):
            checkpoint.newest(tmp_path, None)


def test_a_signal_while_a_checkpoint_is_read_is_no_damage(tmp_path, monkeypatch):
    checkpoint.save(checkpoint.path_of(tmp_path, 3), state(3))

    def interrupted(*args, **kwargs):
        raise Interrupted("signal SIGTERM")

    monkeypatch.setattr(torch, "load", interrupted)
    with pytest.raises(Interrupted):
        checkpoint.newest(tmp_path, None)
