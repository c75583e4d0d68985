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


def dead_holder(**other):
    """What the lock of a process says that is gone."""
    return lock.identity() | {"pid": 2**22 + 5, "start_time": "0", "id": "dead"} | other


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
    monkeypatch.setattr(lock, "HEARTBEAT", 0.1)
    mine = lock.Lock(tmp_path)
    mine.take()
    os.utime(mine.path, (1, 1))
    time.sleep(0.4)
    assert os.stat(mine.path).st_mtime > 1e9
    mine.release()


@pytest.mark.parametrize("attempt", range(20))
def test_many_contenders_for_a_dead_lock_give_one_winner(tmp_path, attempt):
    (tmp_path / "lock").write_text(json.dumps(dead_holder()))
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


def test_a_late_removal_spares_the_lock_that_another_took(tmp_path):
    dead = dead_holder()
    (tmp_path / "lock").write_text(json.dumps(dead))
    live, late = lock.Lock(tmp_path), lock.Lock(tmp_path)
    assert live.take()["id"] == "dead"
    late.remove_stale(dead)
    assert late.read()["id"] == live.mine["id"] and os.listdir(tmp_path) == ["lock"]
    live.release()


def test_a_removal_that_was_broken_off_does_not_block_for_ever(tmp_path):
    (tmp_path / "lock").write_text(json.dumps(dead_holder()))
    (tmp_path / "lock.dead.stale").touch()
    os.utime(tmp_path / "lock.dead.stale", (0, 0))
    mine = lock.Lock(tmp_path)
    assert mine.take()["id"] == "dead" and os.listdir(tmp_path) == ["lock"]
    mine.release()


def test_an_unreadable_lock_does_not_block_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "STALE", 0.3)
    (tmp_path / "lock").write_text("")
    mine = lock.Lock(tmp_path)
    mine.take()
    mine.release()


def test_a_live_process_of_another_container_is_not_succeeded(tmp_path, monkeypatch):
    """Two containers of one host name: process numbers of the one say nothing in the other."""
    monkeypatch.setattr(lock, "STALE", 5.0)
    path = tmp_path / "lock"
    path.write_text(json.dumps(dead_holder(pid_namespace="pid:[4026532999]")))
    threading.Timer(0.3, lambda: os.utime(path, (1, 1))).start()
    with pytest.raises(UserError, match=f"process {2**22 + 5} on {socket.gethostname()}"):
        lock.Lock(tmp_path).take()


def test_locks_need_no_hard_links(tmp_path, monkeypatch):
    def refused(*paths):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    mine = lock.Lock(tmp_path)
    mine.take()
    assert os.listdir(tmp_path) == ["lock"]
    mine.release()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("make", (os.mkdir, lambda path: os.symlink("nowhere", path), os.mkfifo))
def test_what_is_no_lock_is_named(tmp_path, make):
    make(tmp_path / "lock")
    mine = lock.Lock(tmp_path)
    with pytest.raises(UserError, match="lock is no lock but"):
        mine.take()
    mine.release()  # hides no error by one of its own
    assert os.path.lexists(tmp_path / "lock")


def test_a_lost_lock_is_noticed_and_not_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT", 0.05)
    mine = lock.Lock(tmp_path)
    mine.take()
    mine.check()
    (tmp_path / "lock").write_text(json.dumps(dead_holder(host="elsewhere", pid=12, job="7")))
    os.utime(mine.path, (1, 1))
    with pytest.raises(UserError, match="now written by process 12 on elsewhere \\(job 7\\), .*nothing more"):
        mine.check()
    time.sleep(0.2)
    assert os.stat(mine.path).st_mtime == 1  # no heartbeat in another's name
    mine.release()
    assert os.path.exists(mine.path)


def test_a_lock_that_was_deleted_is_made_again(tmp_path):
    mine = lock.Lock(tmp_path)
    mine.take()
    os.remove(mine.path)
    mine.check()
    assert mine.read()["id"] == mine.mine["id"]
    mine.release()
    assert os.listdir(tmp_path) == []


def test_a_process_whose_main_thread_ends_is_not_kept_by_the_heartbeat(tmp_path):
    mine = lock.Lock(tmp_path)
    before = set(threading.enumerate())
    mine.take()
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    mine.release()


def test_a_wait_for_a_holder_that_cannot_be_seen_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock, "STALE", 0.5)
    path = foreign(tmp_path)
    mine = lock.Lock(tmp_path)
    mine.take()
    told = capsys.readouterr().out
    assert told == (
        f"{path} is held by process 1 on elsewhere (job 77), which cannot be seen from here: "
        "watching its heartbeat for up to 0 s\n"
    )
    mine.release()
