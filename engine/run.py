"""A run's folder, results/<name>/s<seed>/: who may write to it, what it began with, where it stands."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time

import torch

from engine import checkpoint, distributed, flags, pictures, record
from engine.errors import MissingError, UserError
from engine.files import write_atomically
from engine.load import located
from engine.lock import Lock
from engine.results import Results


class RunDirectory:
    """The folder of one run. Process 0 writes; the others hold the same object and write nothing.

    flags.json, files/ (copies of the three loaded files), checkpoints/, samples/, metrics.jsonl, curves.png, log.txt, status.json.
    """

    def __init__(self, args):
        self.args = args
        self.folder = os.path.join(args.save_path, args.name, f"s{args.seed}")
        self.checkpoints, self.samples = (
            os.path.join(self.folder, "checkpoints"),
            os.path.join(self.folder, "samples"),
        )
        self.metrics = record.Metrics(os.path.join(self.folder, "metrics.jsonl"))
        self.results = Results(self.folder)
        self.writes = distributed.rank() == 0
        self.lock = Lock(self.folder)
        self.board = None
        self.painter = None  # function(trainer, step) -> PIL image: drawn in place of the sample grid
        self.saved = None  # the step of the newest checkpoint of this start

    def say(self, text, error=False):
        """One line to the console and to log.txt."""
        if self.writes:
            print(text, file=sys.stderr if error else sys.stdout, flush=True)
            with open(os.path.join(self.folder, "log.txt"), "a", encoding="utf8") as file:
                file.write(time.strftime("%Y-%m-%d %H:%M:%S ") + text + "\n")

    def note(self, text):
        """Lines for log.txt alone."""
        if self.writes:
            with open(os.path.join(self.folder, "log.txt"), "a", encoding="utf8") as file:
                file.write(text)

    def newest_step(self):
        """The step of the newest checkpoint; 0 before the first."""
        return (checkpoint.steps(self.checkpoints) or [0])[0]

    def status(self, state, step, text):
        """status.json: state (running, finished, interrupted, failed, diverged), step, a sentence."""
        if self.writes and os.path.isdir(self.folder):
            write_atomically(
                os.path.join(self.folder, "status.json"),
                json.dumps({"state": state, "step": step, "text": text}, indent=1).encode(),
            )

    def open(self, trainer):
        """Restores the checkpoint that --resume asks for and prepares the folder for writing. Returns (step, sums of the log), the sums None where nothing
        was restored.

        Raises UserError when that would overwrite or lose something, or when flags differ that would change the run.
        """
        distributed.on_rank0(self.lock_up)
        self.step, state, fresh = distributed.on_rank0(
            self.find
        )  # process 0 reads: nodes need not share a file system
        if self.writes:
            if fresh:  # what an earlier start without a checkpoint left is dropped
                shutil.rmtree(self.samples)
                os.makedirs(self.samples)
                shutil.rmtree(os.path.join(self.folder, "files"), ignore_errors=True)
            self.copy_files()
            self.write_flags()
            self.results.cut(self.step)
            self.metrics.cut(
                self.step, (state or {}).get("provisional", []) if self.step < self.args.total_steps else []
            )
            if self.args.tensorboard:
                self.board = record.TensorBoard(os.path.join(self.folder, "tensorboard"), self.step)
            self.header()
        if state is not None:
            trainer.restore(state)
        return self.step, None if state is None else state["means"]

    def lock_up(self):
        """Makes the folder, takes its lock, and clears what a killed process left half written."""
        try:
            for folder in (self.checkpoints, self.samples):
                os.makedirs(folder, exist_ok=True)
            dead = self.lock.take()
        except OSError as error:
            raise UserError(
                f"--save_path: cannot write to {self.folder}: {error.strerror}; use another folder"
            ) from error
        if dead:
            self.say(f"took over the lock of process {dead.get('pid')} on {dead.get('host')}, which is gone")
        for folder in (self.folder, self.checkpoints, self.samples):
            for name in os.listdir(folder):
                if ".tmp" in name:
                    os.remove(os.path.join(folder, name))

    def find(self):
        """(step, state, whether the folder is begun afresh) to start from; (0, None, True) where there is nothing to go on from."""
        args, own, then = self.args, checkpoint.steps(self.checkpoints), flags.read(self.folder)
        if args.resume == "none":
            if own:
                raise UserError(
                    f"--resume: {self.folder} holds checkpoints up to step {own[0]}; --resume=auto goes on from there, "
                    "another --name or --seed starts a new run"
                )
            return 0, None, True
        if args.resume == "auto":
            if own and then is not None:
                self.check(then)
                for line in flags.edited(then, args, self.folder):
                    self.say(f"warning: {line}", error=True)
            step, state = checkpoint.newest(
                self.checkpoints, lambda text: self.say(f"warning: {text}", error=True)
            )
            if own and state is None:
                raise UserError(
                    f"--resume: none of the {len(own)} checkpoints in {self.checkpoints} can be read; move them away to start afresh"
                )
            return step, state, state is None
        state = checkpoint.named(args.resume)
        step, inside = (
            state["step"],
            os.path.dirname(os.path.abspath(args.resume)) == os.path.abspath(self.checkpoints),
        )
        if own and not (inside and step == own[0]):
            raise UserError(
                f"--resume: {self.folder} holds checkpoints up to step {own[0]}; --resume=auto goes on from there, "
                "another --name starts a new run from the one you gave"
            )
        if inside:
            self.check(then or state["flags"])
        else:
            other = os.path.dirname(os.path.dirname(os.path.abspath(args.resume)))
            for line in flags.differences(state["flags"], args, other):
                print(f"warning: starts from {args.resume} with {line}", file=sys.stderr)
        if args.last_epoch is not None:
            step = args.last_epoch * args.steps_per_epoch
        return step, state, not inside

    def restore(self, trainer):
        """For modes: takes over the checkpoint that --at names, or the one of --resume=PATH; returns its step."""
        if self.args.at == "all":
            raise UserError(
                f"--at=all: --mode={self.args.mode} has room for the result of one checkpoint; use latest, best or a step"
            )
        (step,) = self.restore_each(trainer)
        return step

    def restore_each(self, trainer):
        """For modes whose results carry the step: takes over each checkpoint that --at names, and yields its step."""
        for _, state in self.states(self.args.at):
            trainer.restore(state)
            yield state["step"]

    def states(self, which):
        """(file name, state) of the "latest" checkpoint, the "best", "all", or that of a step; with --resume=PATH, of that one."""
        if self.args.resume not in ("none", "auto"):
            if which != "latest":
                raise UserError(f"--at={which}: given with --resume={self.args.resume}; use one of the two")
            yield os.path.basename(self.args.resume), checkpoint.named(self.args.resume)
            return
        steps = checkpoint.steps(self.checkpoints)
        if which == "best":
            found = ["best.pt"] if os.path.exists(os.path.join(self.checkpoints, "best.pt")) else []
        elif which == "latest":
            step, state = checkpoint.newest(
                self.checkpoints, lambda text: print(f"warning: {text}", file=sys.stderr)
            )
            if state is not None:
                yield os.path.basename(checkpoint.path_of("", step)), state
                return
            found = []
        else:
            wanted = sorted(steps) if which == "all" else [int(which)]
            found = [os.path.basename(checkpoint.path_of("", step)) for step in wanted if step in steps]
        if not found:
            raise MissingError(
                f"{'--name: no checkpoint' if which == 'latest' else f'--at={which}: no such checkpoint'} in {self.checkpoints}"
                + (f"; there is {', '.join(map(str, steps))}" if steps else "; train first")
            )
        for name in found:
            try:
                state = checkpoint.load(os.path.join(self.checkpoints, name))
            except (ValueError, OSError) as error:
                if which != "all":
                    raise MissingError(f"--at={which}: {name}: {error}; use another step") from None
                print(f"warning: skipped {name}: {error}", file=sys.stderr)
                continue
            yield name, state

    def check(self, then):
        """Raises UserError where flags differ from an earlier start's in what would change the run."""
        found = flags.differences(then, self.args, self.folder)
        if found:
            raise UserError(
                f"{'; '.join(found)}: this would change the run in {self.folder}; use the flags that it began with, "
                "or another --name"
            )

    def copy_files(self):
        """files/: copies of the loaded files as they were when the run began."""
        for flag, name in flags.files_of(flags.record(self.args)):
            copy = flags.copied(self.folder, flag, name)
            if not os.path.exists(copy):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(located(name), copy)

    def write_flags(self):
        """flags.json: every flag, and steps_per_epoch as the data gave it."""
        write_atomically(
            os.path.join(self.folder, "flags.json"),
            json.dumps(flags.record(self.args), indent=1, sort_keys=True).encode(),
        )

    def header(self):
        """What a reader of log.txt wants to know of each start."""
        job = os.environ.get("SLURM_JOB_ID")
        self.say(
            f"start at step {self.step} on {platform.node()}, process {os.getpid()}"
            + (f", job {job}" if job else "")
            + f", {distributed.world_size()} process(es), python {platform.python_version()}, torch {torch.__version__}, "
            f"{self.args.device}, {torch.get_num_threads()} threads, code {commit()}"
        )

    def save_best(self, trainer, step):
        """checkpoints/best.pt: the state at the step with the best score so far, to be evaluated or sampled from. Called in every process."""
        state = {"step": step, **trainer.capture(), "flags": flags.record(self.args)}
        if self.writes:
            checkpoint.save(os.path.join(self.checkpoints, "best.pt"), state)

    def save(self, trainer, step, means, provisional=()):
        """A checkpoint of everything that outlives a step. Called in every process. provisional: names in this step's record that
        are there only because the run ends here."""
        state = {
            "step": step,
            **trainer.capture(),
            "means": means.capture(),
            "provisional": list(provisional),
            "flags": flags.record(self.args),
        }
        if self.writes:
            self.metrics.sync()
            checkpoint.save(checkpoint.path_of(self.checkpoints, step), state)
            checkpoint.prune(self.checkpoints, self.args.keep_last, self.args.keep_every)
        self.saved = step

    def log(self, step, values):
        """One record of metrics.jsonl, and of TensorBoard where asked for."""
        if self.writes:
            self.metrics.write(step, values)
            if self.board:
                self.board.log(step, values)

    def draw(self, trainer, step, batch):
        """samples/step_<8 digits>.png from fixed noise, or what the trainer's pictures(batch) gives: {name: images [n, C, H, W]}; or what
        the painter draws, where data are no images."""
        if not self.writes:
            return
        if self.painter is not None:
            made = {"": self.painter(trainer, step)}
        else:
            from engine.randomness import seeded

            with trainer.evaluating(), seeded(self.args.seed, "samples"):
                drawn = trainer.pictures(batch)
            made = {name: pictures.grid(images) for name, images in drawn.items()}
        for name, picture in made.items():
            pictures.save_picture(
                picture, os.path.join(self.samples, f"step_{step:08d}{'_' + name if name else ''}.png")
            )
            if self.board:
                self.board.image(step, name or "samples", picture)

    def plot(self):
        """curves.png from metrics.jsonl."""
        if self.writes:
            pictures.curves(
                self.metrics.read(),
                os.path.join(self.folder, "curves.png"),
                f"{self.args.name}, seed {self.args.seed}",
            )

    def tell_where(self):
        """Prints where to look at the end."""
        if self.writes:
            newest = lambda folder: max(
                (os.path.join(folder, name) for name in os.listdir(folder)), default="none"
            )
            for what, path in (
                ("samples", newest(self.samples)),
                ("curves", os.path.join(self.folder, "curves.png")),
                ("metrics", self.metrics.path),
                ("checkpoint", newest(self.checkpoints)),
            ):
                print(f"  {what:<11}{path}")

    def close(self):
        """Closes what is open and gives the lock back."""
        if self.board:
            self.board.close()
        if self.writes:
            self.lock.release()


def commit():
    """The git commit of the code, with a + where files differ from it; "unknown" outside a repository."""
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        head = subprocess.run(
            ["git", "-C", here, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=10
        )
        dirty = subprocess.run(
            ["git", "-C", here, "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (
        (head.stdout.strip() + ("+" if dirty.stdout.strip() else "")) if head.returncode == 0 else "unknown"
    )
