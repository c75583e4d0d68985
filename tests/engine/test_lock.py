import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from engine import lock
from engine.errors import UserError


def test_a_live_holder_is_refused_and_a_released_lock_is_free(tmp_path):
    first, second = lock.Lock(tmp_path), lock.Lock(tmp_path)
    assert first.take() is None
    with pytest.raises(UserError, match=f"process {os.getpid()} on {socket.gethostname()}"):
        second.take()
    second.release()  # not its own: stays
    assert os.path.exists(first.path)
    first.release()
    assert second.take() is None
    second.release()
    assert os.listdir(tmp_path) == []


def test_a_dead_process_is_succeeded(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {os.getcwd()!r}); from engine.lock import Lock; "
        f"Lock({str(tmp_path)!r}).take(); print('held', flush=True); import time; time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
    )
    process.stdout.readline()
    mine = lock.Lock(tmp_path)
    with pytest.raises(UserError):
        mine.take()
    process.kill()
    process.wait()
    assert mine.take()["pid"] == process.pid
    mine.release()


def foreign(tmp_path):
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "job": "77", "id": "abc"}))
    return path


def test_another_hosts_lock_is_succeeded_once_its_heart_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STALE", 0.5)
    foreign(tmp_path)
    mine = lock.Lock(tmp_path)
    assert mine.take()["host"] == "elsewhere"
    mine.release()


def test_another_hosts_beating_lock_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STALE", 5.0)
    path = foreign(tmp_path)
    threading.Timer(0.3, lambda: os.utime(path, (1, 1))).start()
    with pytest.raises(UserError, match="job 77"):
        lock.Lock(tmp_path).take()


def test_the_heart_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT", 0.1)
    mine = lock.Lock(tmp_path)
    mine.take()
    os.utime(mine.path, (1, 1))
    time.sleep(0.4)
    assert os.stat(mine.path).st_mtime > 1e9
    mine.release()


@pytest.mark.parametrize("attempt", range(20))
def test_many_contenders_for_a_dead_lock_give_one_winner(tmp_path, attempt):
    (tmp_path / "lock").write_text(
        json.dumps({"host": socket.gethostname(), "pid": 2**22 + 5, "born": "0", "id": "dead"})
    )
    winners, refused, contenders = [], [], [lock.Lock(tmp_path) for _ in range(8)]

    def contend(one):
        try:
            one.take()
            winners.append(one)
        except UserError:
            refused.append(one)

    threads = [threading.Thread(target=contend, args=(c,)) for c in contenders]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(winners) == 1 and len(refused) == 7
    assert winners[0].read()["id"] == winners[0].mine["id"] and os.listdir(tmp_path) == ["lock"]
    winners[0].release()


def test_a_late_burial_spares_the_lock_that_another_took(tmp_path):
    dead = {"host": socket.gethostname(), "pid": 2**22 + 5, "born": "0", "id": "dead"}
    (tmp_path / "lock").write_text(json.dumps(dead))
    live, late = lock.Lock(tmp_path), lock.Lock(tmp_path)
    assert live.take()["id"] == "dead"
    late.bury(dead)
    assert late.read()["id"] == live.mine["id"] and os.listdir(tmp_path) == ["lock"]
    live.release()


def test_a_burial_that_was_broken_off_does_not_block_for_ever(tmp_path):
    (tmp_path / "lock").write_text(
        json.dumps({"host": socket.gethostname(), "pid": 2**22 + 5, "born": "0", "id": "dead"})
    )
    (tmp_path / "lock.dead.buried").touch()
    os.utime(tmp_path / "lock.dead.buried", (0, 0))
    mine = lock.Lock(tmp_path)
    assert mine.take()["id"] == "dead" and os.listdir(tmp_path) == ["lock"]
    mine.release()


def test_an_unreadable_lock_does_not_block_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STALE", 0.3)
    (tmp_path / "lock").write_text("")
    mine = lock.Lock(tmp_path)
    mine.take()
    mine.release()
