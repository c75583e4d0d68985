"""What a run leaves behind for eyes and scripts: means, metrics.jsonl, the console.

Reads the device only when it writes.
"""

import json
import math
import os
import sys
import time

import torch

from engine import devices, distributed, results
from engine.errors import MissingError, UserError
from engine.files import read_lines, write_atomically


class Means:
    """Means of the logged scalars since the last line, added up in float64 (devices.widest) on their device.

    A part of the checkpoint.
    """

    def __init__(self):
        self.sums = {}  # names that came together: their sums [n], and how often they came

    def add(self, values):
        """values: {name: scalar tensor}.

        A name that comes only now and then is averaged over the times it came.
        """
        if values:
            new = torch.stack(list(values.values()))
            self.add_sums(tuple(values), new, 1)

    def read(self):
        """{name: mean since the last clear() and over processes} as floats."""
        if not self.sums:
            return {}
        pairs = {}
        for together, (sums, count) in self.sums.items():
            for name, value in zip(together, sums.tolist()):
                total, times = pairs.get(name, (0.0, 0))
                pairs[name] = total + value, times + count
        names, device = sorted(pairs), sums.device
        (totals,) = distributed.sum_over(
            [torch.tensor([pairs[n] for n in names], dtype=devices.widest(device), device=device)]
        )
        return {n: total / times for n, (total, times) in zip(names, totals.tolist())}

    def clear(self):
        """Starts anew."""
        self.sums = {}

    def capture(self):
        """The sums so far, every process's list of (names, sums, count)."""
        return distributed.gather(
            [(list(names), sums.tolist(), count) for names, (sums, count) in self.sums.items()]
        )

    def restore(self, state):
        """Takes over captured sums; all on process 0 if the number of processes has changed."""
        rank = distributed.rank()
        entries = [state[rank]] if len(state) == distributed.world_size() else state if rank == 0 else []
        for entry in entries:
            for names, sums, count in entry:
                self.add_sums(tuple(names), torch.tensor(sums, dtype=torch.float64), count)

    def add_sums(self, names, new, count):
        """Adds sums [n] of names that came `count` times."""
        sums, before = self.sums.get(names, (torch.zeros_like(new, dtype=devices.widest(new.device)), 0))
        # restored sums are the host's
        self.sums[names] = (sums.to(new.device, devices.widest(new.device)).add_(new), before + count)


class Metrics:
    """metrics.jsonl: one object a logged step, key "step"; the same bytes whether or not the run was
    interrupted."""

    def __init__(self, path):
        self.path = path

    def read(self):
        """The records, oldest first; lines that are none are left out."""
        return results.read_records(self.path)

    def cut(self, step, provisional=()):
        """Drops records later than `step`, which the run is about to make again, and the `provisional` names
        of the record at it. Lines that are no records are moved to metrics.jsonl.damaged, with a warning;
        a last one that was cut short by a crash is dropped, since its record is made again."""
        lines = read_lines(self.path)
        if not lines:
            return
        kept, damaged = [], []
        for line in lines:
            entry = results.parse(line)
            if entry is None:
                if line.endswith(b"\n"):
                    damaged.append(line)
                continue
            if entry["step"] == step and provisional:
                entry = {n: v for n, v in entry.items() if n not in provisional}
                line = encoded(entry) if len(entry) > 1 else b""
            if entry["step"] <= step:
                kept.append(line.rstrip(b"\r\n") + b"\n" if line else b"")
        results.set_aside(self.path, damaged)
        write_atomically(self.path, *kept)

    def write(self, step, values):
        """Appends {"step": step, name: value, ...}; a value that is not finite is written null."""
        with open(self.path, "ab") as file:
            file.write(encoded({"step": step} | finite(values)))

    def join(self, step, values):
        """Adds values to the record of `step`, which is the last if there is one: one object a step."""
        lines = read_lines(self.path)
        last = results.parse(lines[-1]) if lines else None
        if last is None or last["step"] != step:
            self.write(step, values)
        else:
            write_atomically(self.path, *lines[:-1], encoded(last | finite(values)))

    def sync(self):
        """Makes what was written outlast a power cut; called before a checkpoint is."""
        if os.path.exists(self.path):
            with open(self.path, "rb") as file:
                os.fsync(file.fileno())


def finite(values):
    """The values by name; None for one that is not finite, which JSON has no word for."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def encoded(entry):
    """A record as its line in the file."""
    return (json.dumps(entry) + "\n").encode()


class Console:
    """A progress bar on a terminal; elsewhere a line every so often, fit for a cluster's log."""

    def __init__(self, start, total, steps_per_epoch, say, seconds=10.0):
        self.total, self.per_epoch, self.say, self.seconds = total, steps_per_epoch, say, seconds
        self.bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=total, initial=start, unit="step", dynamic_ncols=True, mininterval=0.2)
        self.began, self.start, self.last = time.monotonic(), start, -math.inf

    def step(self):
        """One step more."""
        if self.bar is not None:
            self.bar.update()

    def log(self, step, values):
        """Shows the newest means; of a term with a weight, that without it."""
        # --health says in sentences what is worth a line
        shown = [n for n in results.unweighted(values) if not n.startswith("health/")]
        text = "  ".join(f"{n} {values[n]:.4g}" for n in shown)
        if not text:
            return
        if self.bar is not None:
            self.bar.set_description(f"epoch {math.ceil(step / self.per_epoch)}", refresh=False)
            self.bar.set_postfix_str(text)
        elif time.monotonic() - self.last >= self.seconds or step == self.total:
            self.last = time.monotonic()
            speed = (step - self.start) / max(self.last - self.began, 1e-9)
            left = (
                f", {duration((self.total - step) / speed)} left" if speed > 0 and step < self.total else ""
            )
            self.say(
                f"step {step}/{self.total}  epoch {math.ceil(step / self.per_epoch)}  "
                f"{speed:.3g} steps/s{left}  {text}"
            )

    def close(self):
        """Leaves the terminal's line."""
        if self.bar is not None:
            self.bar.close()


class Progress:
    """How far long work has come, in process 0: a bar on a terminal; elsewhere a line to stderr every so many
    seconds, so that short work says nothing. A context manager.

    what: is counted; total: how many there are, None where unknown; each process adds its own.
    """

    def __init__(self, what, total, seconds=10.0):
        self.what, self.total, self.seconds = what, total, seconds
        self.done, self.bar, self.quiet = 0, None, distributed.rank() != 0
        self.began = self.last = time.monotonic()
        if not self.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                desc=what,
                unit="image",
                leave=False,
                dynamic_ncols=True,
                delay=1,
                mininterval=0.2,
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.bar is not None:
            self.bar.close()

    def add(self, n):
        """n more in this process; the others do as many."""
        n *= distributed.world_size()
        self.done += n
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.update(n)
        elif time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            each = (self.last - self.began) / self.done
            rest = ""
            if self.total is not None:
                left = max(0, self.total - self.done)
                rest = f" of {self.total:,}, {duration(each * left)} left"
            print(f"{self.what}: {self.done:,.0f}{rest}", file=sys.stderr, flush=True)


def duration(seconds):
    """Seconds as h:mm:ss."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


class TensorBoard:
    """TensorBoard events beside metrics.jsonl, for --tensorboard. Raises MissingError without the package."""

    def __init__(self, folder, step):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingError(
                "--tensorboard: the package tensorboard is not installed; use pip install tensorboard"
            ) from None
        try:
            self.writer = SummaryWriter(folder, purge_step=step + 1)
        except OSError as error:
            raise UserError(
                f"--tensorboard: cannot write to {folder}: {error.strerror}; move away what is there"
            ) from None

    def log(self, step, values):
        """Scalars by name."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def histograms(self, step, values):
        """{name: tensor of many values}."""
        for name, many in values.items():
            self.writer.add_histogram(name, many.detach().float().cpu(), step)

    def hparams(self, flags, records):
        """The flags as hyperparameters, with the last value of each score of --eval_every."""
        from torch.utils.tensorboard.summary import hparams

        scores = {name: v for record in records for name, v in record.items() if name.startswith("eval/")}
        plain = {n: v if isinstance(v, (bool, int, float, str)) else str(v) for n, v in flags.items()}
        known = {name: value for name, value in scores.items() if value is not None}
        for summary in hparams(plain, known):
            self.writer.file_writer.add_summary(summary)

    def image(self, step, name, picture):
        """A PIL image."""
        import numpy as np

        array = np.asarray(picture)
        self.writer.add_image(name, array, step, dataformats="HWC" if array.ndim == 3 else "HW")

    def close(self):
        """Writes what is left, and closes the file."""
        self.writer.close()
