"""The only training loop."""

import contextlib
import time
import traceback

from engine import distributed
from engine.errors import DivergedError, Interrupted
from engine.preemption import INTERRUPTED
from engine.randomness import seed_step, seeded
from engine.record import Console, Means, duration


def fit(trainer, data, run, args, stopper, events=()):
    """Trains to args.total_steps and returns the exit code: 0 finished, 75 interrupted and saved.

    trainer: see docs/design.md; data: {"train": DataIterator, ...}; run: a RunDirectory; stopper: a
    Stopper. events: further (every, function(step)), called after each `every`-th step; what they return,
    {name: float}, joins that step's record. A trainer may add such pairs by measures(data). They must
    depend on the state alone, since a start from that step's checkpoint may call them again. Step n of
    records and checkpoints is the state after n batches. Raises DivergedError after --max_bad_steps
    skipped updates in a row.
    """
    try:
        step, state = run.open(trainer)
        if step > args.total_steps or step == args.total_steps and run.finished(step):
            run.status("finished", step, f"finished: {step} steps")
            run.say(
                f"{run.folder} is finished: {step} of {args.total_steps} steps; "
                "more --epochs or --max_steps go on from there"
            )
            run.tell_where()
            return 0
        measures = {f"trainer's {i}": pair for i, pair in enumerate(trainer.measures(data))}
        measures |= {f"event {i}": pair for i, pair in enumerate(events)}
        return Fit(trainer, data["train"], run, args, stopper, measures).go(step, state)
    finally:
        run.close()


class Fit:
    """One start of a run, from a step to the end or to an interruption.

    measures: {label: (every, function(step))}. What is due after a step comes in an order that loses
    nothing if a later part fails or is killed: the record of losses, the checkpoint, then measures, which
    may take long or be refused, then pictures. The checkpoint names the measures that are still due; a
    start from it makes them before its first step.
    """

    def __init__(self, trainer, stream, run, args, stopper, measures):
        self.trainer, self.stream, self.run, self.args, self.stopper = trainer, stream, run, args, stopper
        self.means, self.batch, self.measures = Means(), None, measures
        self.provisional = []  # of the step in hand: see save()
        self.todo = []  # labels of measures yet to be made
        self.waited = self.stepped = 0.0  # seconds in steps; waited: the part of it waiting for data
        self.last_save = self.last_plot = time.monotonic()
        epoch = args.steps_per_epoch
        self.saves = epoch * args.save_every, args.save_every_steps
        self.draws = (epoch * args.save_images_every,)

    def go(self, step, state):
        """The loop: fetch a batch, seed, step; then whatever is due."""
        run, args, total = self.run, self.args, self.args.total_steps
        self.stopper.patient = True
        for text in self.trainer.notes:
            run.say(text)
        for text in self.trainer.warnings:
            run.warn(text)
        run.status("running", step, f"running to step {total}")
        self.console = Console(step, total, args.steps_per_epoch, run.say)
        self.trainer.train()
        if state is None:
            run.initialise(self.trainer, next(self.stream.from_step(0)))
        else:
            self.means.restore(state["means"])
        began, first = time.monotonic(), step
        try:
            if state is not None:
                self.take_up(step, state)
            batches = self.stream.from_step(step)
            while step < total:
                why = self.stopper.wanted()
                if why:
                    return self.interrupt(step, why)
                asked = time.monotonic()
                self.batch = next(batches)
                self.waited += time.monotonic() - asked
                seed_step(args.seed, step, distributed.rank())
                self.trainer.on_step_start(step, self.stream.share(step))
                self.means.add(self.trainer.step(self.batch, step))
                # walking all modules costs a small network a tenth of its step
                if distributed.world_size() > 1:
                    distributed.broadcast(self.trainer.shared_buffers())
                step += 1
                self.stepped += time.monotonic() - asked
                self.stopper.learn(time.monotonic() - asked)
                self.console.step()
                self.after(step)
        except Interrupted as reason:
            return self.interrupt(step, str(reason))
        except Exception as error:
            self.record_failure(step, error)
            raise
        finally:
            self.console.close()
        run.say(
            f"finished: {total} steps, {duration(time.monotonic() - began)} for the last {total - first}; "
            f"{self.waiting()}"
        )
        run.status("finished", step, f"finished: {step} steps")
        run.tell_where()
        return 0

    def take_up(self, step, state):
        """Makes what was still due at the step of the checkpoint `state` that this start goes on from."""
        if self.run.saved != step:  # the checkpoint of another run begins this one
            return
        self.provisional = list(state["provisional"]) if step == self.args.total_steps else []
        due = state.get("due", ())
        # intervals may have changed: what is no longer asked for is no longer due
        self.todo = [n for n, (every, _) in self.measures.items() if n in due and self.due(step, every)]
        if self.todo:
            self.run.say(f"makes what was still due at step {step}")
        if step and self.due(step, *self.draws):
            self.batch = next(self.stream.from_step(step - 1))
        self.complete(step, {})

    def waiting(self):
        """How much of the steps' time, pictures and checkpoints apart, was spent waiting for data."""
        return (
            f"{100 * self.waited / max(self.stepped, 1e-9):.1f}% of the steps' time "
            f"was spent waiting for data"
        )

    def due(self, step, *intervals):
        """Whether a multiple of one of the intervals (0: never) or the end is reached."""
        return step == self.args.total_steps or any(every and step % every == 0 for every in intervals)

    def after(self, step):
        """What is due after this step, in the order that the class's docstring gives."""
        record, self.provisional = {}, []
        if self.due(step, self.args.log_every):
            record = self.losses(step)
            self.note_provisional(step, self.args.log_every, record)
            if record:
                self.run.log(step, record)
        self.todo = [name for name, (every, _) in self.measures.items() if self.due(step, every)]
        late = self.args.save_minutes and distributed.agree(
            time.monotonic() - self.last_save > 60 * self.args.save_minutes
        )
        if late or self.due(step, *self.saves):
            self.save(step)
        self.complete(step, record)

    def note_provisional(self, step, every, values):
        """Keeps the names of values that are there only because the run ends here: they go if it is
        prolonged."""
        if not every or step % every:
            self.provisional += [name for name in values if name not in self.provisional]

    def complete(self, step, record):
        """Measures and pictures of a step whose losses are recorded, and which is saved if that was due."""
        saved, awaited = self.run.saved == step, bool(self.todo)
        if awaited:
            record = record | self.measure(step)
        if saved and awaited:
            self.write_checkpoint(step)  # nothing is due any more
        if record:
            self.console.log(step, record)
        if self.due(step, *self.draws):
            began = time.monotonic()
            self.run.draw(self.trainer, step, self.batch)
            self.stopper.learn(time.monotonic() - began)
        if saved and (step == self.args.total_steps or self.last_save - self.last_plot > 60):
            self.last_plot = self.last_save
            self.run.plot()

    def measure(self, step):
        """The values of the measures that are to be made, which join the step's record.

        A signal or the time limit breaks them off; what was made by then has joined the record.
        """
        found, made = {}, 0
        why = self.stopper.wanted()
        if why:
            raise Interrupted(why)
        # alone, a signal can end a measure wherever it is; together, processes stop where all of them look
        self.stopper.patient = distributed.world_size() > 1
        try:
            for name in list(self.todo):
                every, function = self.measures[name]
                with seeded(self.args.seed, "measure", step, distributed.rank()):
                    values = function(step)
                found |= values
                self.note_provisional(step, every, values)
                self.todo.remove(name)
                made += 1
        finally:
            self.stopper.patient = True
            self.trainer.train()
            if made:  # in every process, though values may be process 0's alone
                self.run.join(step, found)
        return found

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
        """Raises DivergedError after too many skipped updates in a row; the last good checkpoint stays the
        newest."""
        in_a_row, in_all = self.trainer.bad_steps.tolist()
        if in_a_row >= self.args.max_bad_steps:
            raise DivergedError(
                f"--max_bad_steps: {in_a_row} updates in a row had a loss or gradient that is not finite, up "
                f"to step {step}; use a smaller --lr or a penalty; the last good checkpoint is that of step "
                f"{self.run.newest_step()}"
            )
        if in_a_row:
            self.run.warn(
                f"step {step}: {in_all} updates so far skipped, their loss or gradient was not finite"
            )

    def save(self, step):
        """A checkpoint, but for a run that has diverged."""
        self.check(step)
        self.write_checkpoint(step)

    def write_checkpoint(self, step):
        """A checkpoint, which names the measures that are still to be made."""
        self.last_save = time.monotonic()
        self.run.save(self.trainer, step, self.means, self.provisional, self.todo)
        self.stopper.learn(time.monotonic() - self.last_save)

    def record_failure(self, step, error):
        """status.json and log.txt say what went wrong, if they can still be written."""
        diverged = isinstance(error, DivergedError)
        with contextlib.suppress(OSError):
            self.run.status(
                "diverged" if diverged else "failed",
                step,
                str(error) if diverged else f"{type(error).__name__}: {error}",
            )
            self.run.note(traceback.format_exc())

    def interrupt(self, step, why):
        """Saves, and says that the same command goes on. Returns the exit code."""
        if self.run.saved != step and step:  # before the first step there is nothing to save
            self.save(step)
        text = (
            f"interrupted at step {step} of {self.args.total_steps} by {why}; "
            f"the same command with --resume=auto goes on"
        )
        self.run.status("interrupted", step, text)
        text += f"; {self.waiting()}"
        self.run.say(text)
        return INTERRUPTED
