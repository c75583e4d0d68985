import os
import pathlib

import pytest

from engine import distributed


@pytest.fixture(autouse=True)
def caches_in_tmp(tmp_path, monkeypatch):
    """No test writes to the user's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))


@pytest.fixture
def processes(monkeypatch):
    """processes(rank, world_size): what engine.distributed then says."""

    def pretend(rank, world_size):
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        monkeypatch.setattr(distributed, "world_size", lambda: world_size)

    return pretend


@pytest.fixture
def real_data():
    """real_data(name): a path among the real data sets, or a skip."""

    def find(name):
        root = pathlib.Path(__file__).resolve().parents[2]
        for folder in (os.environ.get("DATA_DIR"), root.parent / "shared" / "data"):
            if folder and (pathlib.Path(folder) / name).exists():
                return pathlib.Path(folder) / name
        return pytest.skip(f"no {name} in $DATA_DIR or ../shared/data")

    return find
