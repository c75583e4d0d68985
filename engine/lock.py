"""One writer a run: a lock file with host, process and job. A live holder is refused, a dead one's lock taken
over.

The file is made by O_CREAT | O_EXCL, which every file system has; hard links are not needed. filelock's
lease was tried in its place: where a file system refuses RENAME_EXCHANGE it never takes over a dead
holder's lock.
"""

import contextlib
import json
import os
import socket
import stat
import threading
import time
import uuid

from engine.errors import UserError

HEARTBEAT = 15.0  # seconds between the heartbeats of a holder
STALE = 120.0  # seconds without one that make a holder dead whose process cannot be looked at from here


class Lock:
    """The lock of a run's folder. Its file's time is touched every HEARTBEAT seconds while it is held.

    lost: who holds it in our place, in words, once that was seen; else None.
    """

    def __init__(self, folder):
        self.folder, self.path = folder, os.path.join(folder, "lock")
        self.done, self.turn = threading.Event(), threading.Lock()
        self.mine = self.lost = None

    def take(self):
        """Takes the lock. Raises UserError if a live process holds it.

        Returns whom it was taken over from, or None.
        """
        self.mine, dead = identity(), None
        while not self.create():
            holder = self.read()
            if holder is None:  # released this moment
                time.sleep(0.01)
                continue
            if self.alive(holder):
                raise UserError(
                    f"--name: {self.folder} is being written by {who(holder)}; "
                    "wait for it, or use another --name or --seed"
                )
            dead = holder
            self.remove_stale(holder)
        threading.Thread(target=self.heartbeat, daemon=True).start()
        return dead

    def create(self):
        """Makes the lock file with this process's identity in it; False if there is one."""
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        try:
            with open(descriptor, "w", encoding="utf8") as file:
                json.dump(self.mine, file)
        except BaseException:
            os.remove(self.path)
            raise
        return True

    def read(self):
        """Who holds it: a dict, without "id" if the file does not say, None if there is no file.

        Raises UserError where something else has the lock's name: a folder, a link, a pipe.
        """
        try:
            found = os.lstat(self.path)
            if not stat.S_ISREG(found.st_mode):
                raise UserError(
                    f"--name: {self.path} is no lock but a folder, a link or a device; "
                    f"remove it, or use another --name"
                )
            with open(self.path, encoding="utf8") as file:
                return dict(json.load(file), heartbeat=found.st_mtime_ns)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return {"heartbeat": found.st_mtime_ns}

    def alive(self, holder):
        """Whether the holder lives.

        In our own PID namespace its process tells: a process number that is used again has another start
        time. Elsewhere (another host; a container, even one with our host's name) its heartbeat does. That
        is watched for up to STALE seconds, so that hosts' clocks need not agree.
        """
        if all(holder.get(key) == self.mine[key] for key in ("host", "boot", "pid_namespace")):
            return holder.get("start_time") == start_time(holder.get("pid")) is not None
        told, began = False, time.monotonic()
        while time.monotonic() < began + STALE:
            time.sleep(min(0.1 if not told else 1.0, STALE / 10))
            now = self.read()
            if now is None or now.get("id") != holder.get("id"):
                return False  # released, or taken over by another, or only now written; take() looks again
            if now["heartbeat"] != holder["heartbeat"]:
                return True
            if not told and time.monotonic() > began + min(1.0, STALE / 2):
                print(
                    f"{self.path} is held by {who(holder)}, which cannot be seen from here: "
                    f"watching its heartbeat for up to {STALE:.0f} s",
                    flush=True,
                )
                told = True
        return False

    def remove_stale(self, holder):
        """Deletes a dead holder's lock, if it still is that.

        A file named after the holder decides which of several processes may: while it is there, no other
        deletes this holder's lock, so what was read last is what is deleted.
        """
        claim = f"{self.path}.{holder.get('id', 'unreadable')}.stale"
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.stat(claim).st_mtime > STALE:  # the process that made it has died too
                    os.remove(claim)
            time.sleep(0.01)
            return
        try:
            now = self.read()
            if now is not None and now.get("id") == holder.get("id"):
                os.remove(self.path)
        finally:
            os.remove(claim)

    def holds(self):
        """Whether the lock is still ours.

        One that was deleted is made again; one that another holds is lost for good.
        """
        for _ in range(20):  # a new holder needs a moment to write its name
            now = self.read()
            if now is not None and now.get("id") == self.mine["id"]:
                return True
            if now is None and self.create():
                return True
            if now is not None and now.get("id"):
                break
            time.sleep(0.05)
        self.lost = who(now or {})
        return False

    def check(self):
        """Raises UserError, which names the new holder, where the lock was lost: this process must write no
        more."""
        if self.mine is None:
            return
        with self.turn:
            try:
                held = self.lost is None and self.holds()
            except OSError:
                return  # the file system does not answer; what is written next will tell
        if not held:
            raise UserError(
                f"--name: {self.folder} is now written by {self.lost}, which took this process for dead; "
                "nothing more is written here; --resume=auto goes on once that one has ended"
            )

    def heartbeat(self):
        """Touches the file until it is released or lost."""
        while not self.done.wait(HEARTBEAT):
            with self.turn:
                try:
                    if self.done.is_set() or not self.holds():
                        return
                    os.utime(self.path)
                except (OSError, UserError):
                    pass  # the next heartbeat may succeed; STALE is eight of them

    def release(self):
        """Gives the lock back."""
        self.done.set()
        with self.turn, contextlib.suppress(OSError, UserError):
            holder = self.read() if self.mine else None
            if holder and holder.get("id") == self.mine["id"]:
                os.remove(self.path)


def identity():
    """What a lock says of its holder: host, boot, PID namespace, process, its start time, job, and a number
    of its own."""
    return {
        "host": socket.gethostname(),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        "pid_namespace": _link("/proc/self/ns/pid"),
        "pid": os.getpid(),
        "start_time": start_time(os.getpid()),
        "job": os.environ.get("SLURM_JOB_ID"),
        "id": uuid.uuid4().hex,
    }


def who(holder):
    """A holder in words: "process 12 on host (job 7)"."""
    job = f" (job {holder['job']})" if holder.get("job") else ""
    return f"process {holder.get('pid', '?')} on {holder.get('host', 'an unknown host')}{job}"


def start_time(pid):
    """When a process began, as text; None if there is no such process.

    In clock ticks since the boot; where there is no /proc, "alive" for any process that can be signalled.
    """
    try:
        with open(f"/proc/{int(pid)}/stat", encoding="utf8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return None if fields[0] in "ZX" else fields[19]  # Z, X: dead, and waiting for its parent to notice
    except (OSError, ValueError, TypeError, IndexError):
        return None if os.path.isdir("/proc/self") else _signalled(pid)


def _signalled(pid):
    try:
        os.kill(int(pid), 0)
        return "alive"
    except (OSError, ValueError, TypeError):
        return None


def _text(path):
    try:
        with open(path, encoding="utf8") as file:
            return file.read().strip()
    except OSError:
        return None


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None
