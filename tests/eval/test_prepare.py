"""python -m eval.prepare, against files instead of the network."""

import hashlib

import pytest

from engine.errors import MissingError
from eval.metrics import prepare


def test_fetches_checks_and_then_leaves_alone(tmp_path):
    (tmp_path / "source").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    path = tmp_path / "deep" / "weights.pth"
    assert (
        prepare.fetch(str(path), (tmp_path / "source").as_uri(), sha256) and path.read_bytes() == b"weights"
    )
    assert not prepare.fetch(str(path), "file:///nowhere", sha256)
    path.write_bytes(b"damaged")
    assert (
        prepare.fetch(str(path), (tmp_path / "source").as_uri(), sha256) and path.read_bytes() == b"weights"
    )


def test_another_file_is_not_kept(tmp_path):
    (tmp_path / "source").write_bytes(b"weigh")
    with pytest.raises(MissingError, match="so it was not kept; try again"):
        prepare.fetch(str(tmp_path / "weights.pth"), (tmp_path / "source").as_uri())
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_no_network(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "URL", "http://127.0.0.1:9/weights.pth")
    monkeypatch.setattr(prepare, "fetch", lambda path, fetch=prepare.fetch: fetch(path, prepare.URL))
    monkeypatch.setattr("sys.argv", ["prepare", f"--out={tmp_path / 'weights.pth'}"])
    assert prepare.command_line() == 3
    text = capsys.readouterr().err
    assert (
        text.count("\n") == 1
        and "could not be fetched to" in text
        and "on a machine with a network" in text
        and not list(tmp_path.iterdir())
    )


def test_says_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "fetch", lambda path: True)
    assert prepare.main([f"--out={tmp_path / 'weights.pth'}"]) == 0
    assert capsys.readouterr().out.startswith(f"fetched: {tmp_path / 'weights.pth'} (sha256 6726825d")
