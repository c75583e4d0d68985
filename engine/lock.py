"""One writer a run: a lock file with host, process and job; a live holder is refused, a dead one's lock is taken over."""

import contextlib
import json
import os
import socket
import threading
import time
import uuid

from engine.errors import UserError

HEARTBEAT = 15.0  # seconds between the heartbeats of a holder
STALE = 120.0  # seconds without one that make a holder on another host dead


class Lock:
    """The lock of a run's folder. Its file's time is touched every HEARTBEAT seconds while it is held."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "lock")
        self.done = threading.Event()
        self.mine = None

    def take(self):
        """Takes the lock. Raises UserError if a live process holds it. Returns whom it was taken over from, or None."""
        dead = None
        while not self.create():
            holder = self.read()
            if holder is None:  # released this moment
                continue
            if self.alive(holder):
                raise UserError(
                    f"--name: {os.path.dirname(self.path)} is being written by process {holder.get('pid')} on {holder.get('host')}"
                    + (f" (job {holder['job']})" if holder.get("job") else "")
                    + "; wait for it, or choose another --name or --seed"
                )
            dead = holder
            self.remove_stale(holder)
        threading.Thread(target=self.heartbeat, daemon=True).start()
        return dead

    def create(self):
        """Makes the lock file with this process's name in it, if there is none."""
        self.mine = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "job": os.environ.get("SLURM_JOB_ID"),
            "start_time": start_time(os.getpid()),
            "id": uuid.uuid4().hex,
        }
        temporary = f"{self.path}.{self.mine['id']}"
        with open(temporary, "w", encoding="utf8") as file:
            json.dump(self.mine, file)
        try:
            os.link(temporary, self.path)  # whole or not at all, also over a network file system
            return True
        except FileExistsError:
            return False
        finally:
            os.remove(temporary)

    def read(self):
        """Who holds it: a dict, empty if the file is not readable as one, None if there is no file."""
        try:
            with open(self.path, encoding="utf8") as file:
                return json.load(file) | {"heartbeat": os.stat(self.path).st_mtime}
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            return {"heartbeat": os.stat(self.path).st_mtime}

    def alive(self, holder):
        """Whether the holder lives. On this host: whether its process does (a process number used again has another birth).
        Elsewhere: whether its heartbeat moves, watched for up to STALE seconds, so that hosts' clocks need not agree."""
        if holder.get("host") == socket.gethostname():
            return start_time(holder.get("pid")) is not None and start_time(holder["pid"]) == holder.get(
                "start_time"
            )
        print(
            f"{self.path} is held by {holder.get('host', 'an unknown host')}: watching its heartbeat for up to {STALE:.0f} s",
            flush=True,
        )
        until = time.monotonic() + STALE
        while time.monotonic() < until:
            time.sleep(min(1.0, STALE / 10))
            now = self.read()
            if now is None or now.get("id") != holder.get("id"):
                return False  # released, or taken over by another that take() will meet
            if now["heartbeat"] != holder["heartbeat"]:
                return True
        return False

    def remove_stale(self, holder):
        """Deletes a dead holder's lock, if it still is that.

        A file named after the holder says who of several may: while it is there no one else deletes this holder's lock, so what was read last is what is deleted.
        """
        claim = f"{self.path}.{holder.get('id', 'unreadable')}.stale"
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.stat(claim).st_mtime > STALE:  # who was about it died too
                    os.remove(claim)
            time.sleep(0.01)
            return
        try:
            now = self.read()
            if now is not None and now.get("id") == holder.get("id"):
                os.remove(self.path)
        finally:
            os.remove(claim)

    def heartbeat(self):
        """Touches the file until it is released."""
        while not self.done.wait(HEARTBEAT):
            try:
                os.utime(self.path)
            except OSError:
                pass  # the next heartbeat may succeed; STALE is eight of them

    def release(self):
        """Gives the lock back."""
        self.done.set()
        holder = self.read() if self.mine else None
        if holder and holder.get("id") == self.mine["id"]:
            os.remove(self.path)


def start_time(pid):
    """When the process began, in clock ticks since boot as text, together with the boot's own number; None if there is no such process."""
    try:
        with open(f"/proc/{int(pid)}/stat", encoding="utf8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        if fields[0] in "ZX":  # dead, and only waiting for its parent to notice
            return None
        with open("/proc/sys/kernel/random/boot_id", encoding="utf8") as file:
            return f"{fields[19]} {file.read().strip()}"
    except (OSError, ValueError, TypeError, IndexError):
        return None if os.path.isdir("/proc/self") else _signalled(pid)


def _signalled(pid):
    """Where there is no /proc: "alive" if the process can be signalled."""
    try:
        os.kill(int(pid), 0)
        return "alive"
    except (OSError, ValueError, TypeError):
        return None
