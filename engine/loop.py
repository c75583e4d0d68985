"""The only training loop."""

import contextlib
import time
import traceback

from engine import distributed
from engine.errors import DivergedError
from engine.preemption import INTERRUPTED
from engine.randomness import seed_all, seed_step
from engine.record import Console, Means, duration


def fit(trainer, data, run, args, stopper, events=()):
    """Trains to args.total_steps and returns the exit code: 0 finished, 75 interrupted and saved.

    trainer: see docs/design.md; data: {"train": DataIterator, ...}; run: a RunDirectory; stopper: a Stopper; events: further
    (every, function(step)), called after every `every`-th step; what they return, {name: float}, joins that step's record.
    A trainer may add such pairs by measures(data).
    Step n of records and checkpoints is the state after n batches.
    Raises DivergedError after --max_bad_steps skipped updates in a row.
    """
    try:
        step, sums = run.open(trainer)
        if step >= args.total_steps:
            run.status("finished", step, f"finished: {step} steps")
            run.say(
                f"{run.folder} is finished: {step} of {args.total_steps} steps; more --epochs or --max_steps go on from there"
            )
            run.tell_where()
            return 0
        own = trainer.measures(data)
        return Fit(trainer, data["train"], run, args, stopper, [*own, *events]).go(step, sums)
    finally:
        run.close()


class Fit:
    """One start of a run, from a step to the end or to an interruption."""

    def __init__(self, trainer, stream, run, args, stopper, events):
        self.trainer, self.stream, self.run, self.args, self.stopper = trainer, stream, run, args, stopper
        self.means, self.batch, self.provisional = Means(), None, []
        self.waited = self.stepped = 0.0  # seconds that steps took, and of them those until the data came
        self.last_save = self.last_plot = time.monotonic()
        epoch = args.steps_per_epoch
        self.measures = [(args.log_every, self.losses), *events]
        self.saves = epoch * args.save_every, args.save_every_steps
        self.draws = (epoch * args.save_images_every,)

    def go(self, step, sums):
        """The loop: fetch a batch, seed, step; then whatever is due."""
        run, args, total = self.run, self.args, self.args.total_steps
        for text in self.trainer.notes:
            run.say(text)
        for text in self.trainer.warnings:
            run.say(f"warning: {text}", error=True)
        run.status("running", step, f"running to step {total}")
        self.means.restore(sums or [])
        self.console = Console(step, total, args.steps_per_epoch, run.say)
        self.trainer.train()
        if sums is None:
            seed_all(args.seed, "prepare", distributed.rank())
            self.trainer.initialise(next(self.stream.from_step(0)))
        self.stopper.patient = True
        batches, began, first = self.stream.from_step(step), time.monotonic(), step
        try:
            while step < total:
                asked = time.monotonic()
                self.batch = next(batches)
                self.waited += time.monotonic() - asked
                seed_step(args.seed, step, distributed.rank())
                self.trainer.on_step_start(step, self.stream.share(step))
                self.means.add(self.trainer.step(self.batch, step))
                if (
                    distributed.world_size() > 1
                ):  # walking all modules costs a small network a tenth of its step
                    distributed.broadcast(self.trainer.shared_buffers())
                step += 1
                self.stepped += time.monotonic() - asked
                self.console.step()
                self.after(step)
                self.stopper.learn(time.monotonic() - asked)
                why = self.stopper.wanted()
                if why and step < total:
                    return self.interrupt(step, why)
        except Exception as error:
            self.record_failure(step, error)
            raise
        finally:
            self.console.close()
        run.say(
            f"finished: {total} steps, {duration(time.monotonic() - began)} for the last {total - first}; {self.waiting()}"
        )
        run.status("finished", step, f"finished: {step} steps")
        run.tell_where()
        return 0

    def waiting(self):
        """How much of the steps' time, pictures and checkpoints apart, was spent waiting for data."""
        return f"{100 * self.waited / max(self.stepped, 1e-9):.1f}% of the steps' time was spent waiting for data"

    def due(self, step, *intervals):
        """Whether a multiple of one of the intervals (0: never) or the end is reached."""
        return step == self.args.total_steps or any(every and step % every == 0 for every in intervals)

    def after(self, step):
        """What is due after this step: one record of all measures, sample grids, a checkpoint; in this order, so that a checkpoint
        never lacks the records before it."""
        record, self.provisional = {}, []
        for every, measure in self.measures:
            if self.due(step, every):
                values = measure(step)
                record |= values
                if not every or step % every:  # at the end only: gone again if the run is prolonged
                    self.provisional += values
        if record:
            self.run.log(step, record)
            self.console.log(step, record)
        if self.due(step, *self.draws):
            self.run.draw(self.trainer, step, self.batch)
        late = self.args.save_minutes and distributed.agree(
            time.monotonic() - self.last_save > 60 * self.args.save_minutes
        )
        if late or self.due(step, *self.saves):
            self.save(step)

    def losses(self, step):
        """The means since the last due record, and what the trainer's diagnose(batch) adds."""
        self.check(step)
        values = self.means.read()
        if step % self.args.log_every == 0:
            self.means.clear()
        self.trainer.eval()
        diagnosis = Means()
        diagnosis.add({name: value.detach() for name, value in self.trainer.diagnose(self.batch).items()})
        self.trainer.train()
        return values | diagnosis.read()

    def check(self, step):
        """Raises DivergedError after too many skipped updates in a row; the last good checkpoint stays the newest."""
        in_a_row, in_all = self.trainer.bad_steps.tolist()
        if in_a_row >= self.args.max_bad_steps:
            raise DivergedError(
                f"--max_bad_steps: {in_a_row} updates in a row had a loss or gradient that is not finite, up to step {step}; "
                f"a smaller --lr or a penalty would do; the last good checkpoint is that of step {self.run.newest_step()}"
            )
        if in_a_row:
            self.run.say(
                f"warning: step {step}: {in_all} updates so far skipped, their loss or gradient was not finite",
                error=True,
            )

    def save(self, step):
        """A checkpoint, and the curves once a minute and at the end."""
        self.check(step)
        self.last_save = time.monotonic()
        self.run.save(self.trainer, step, self.means, self.provisional)
        if step == self.args.total_steps or self.last_save - self.last_plot > 60:
            self.last_plot = self.last_save
            self.run.plot()

    def record_failure(self, step, error):
        """status.json and log.txt say what went wrong, if they can still be written (the disk may be full)."""
        diverged = isinstance(error, DivergedError)
        with contextlib.suppress(OSError):
            self.run.status(
                "diverged" if diverged else "failed",
                step,
                str(error) if diverged else f"{type(error).__name__}: {error}",
            )
            self.run.note(traceback.format_exc())

    def interrupt(self, step, why):
        """Saves, and says with which exit code the same command goes on."""
        if self.run.saved != step:
            self.save(step)
        text = f"interrupted at step {step} of {self.args.total_steps} by {why}; the same command with --resume=auto goes on"
        self.run.status("interrupted", step, text)
        text += f"; {self.waiting()}"
        self.run.say(text)
        return INTERRUPTED
