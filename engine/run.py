"""A run's folder, results/<name>/s<seed>/: who may write to it, what it began with, where it stands."""

import contextlib
import copy
import errno
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
import traceback

import torch

from engine import bands, checkpoint, distributed, pictures, record, saved_flags
from engine.elsewhere import Elsewhere
from engine.errors import MissingError, UserError
from engine.files import remove_temporary, write_atomically
from engine.load import located
from engine.lock import Lock, who
from engine.randomness import seed_all, seeded
from engine.results import Results

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ESTALE)


class RunDirectory:
    """The folder of one run. Process 0 writes; the others hold the same object and write nothing.

    flags.json, files/ (copies of the three loaded files), checkpoints/, samples/, metrics.jsonl,
    curves.png, log.txt, status.json.
    """

    def __init__(self, args):
        self.args = args
        self.folder = getattr(args, "folder", None) or saved_flags.folder_of(
            args.save_path, args.name, args.seed
        )
        self.checkpoints, self.samples = (
            os.path.join(self.folder, "checkpoints"),
            os.path.join(self.folder, "samples"),
        )
        self.metrics = record.Metrics(os.path.join(self.folder, "metrics.jsonl"))
        self.results = Results(self.folder)
        if (
            args.mode != "train" and saved_flags.read(self.folder) is None
        ):  # beside a checkpoint that is alone
            stem = os.path.splitext(os.path.basename(args.resume))[0]
            self.results = Results(self.folder, f"{stem}_evaluations.jsonl")
        self.writes = distributed.rank() == 0
        self.lock = Lock(self.folder)
        self.tensorboard, self.elsewhere, self.state = None, [], "failed"
        self.picture_fn = None  # function(trainer, step) -> PIL image: drawn in place of the sample grid
        self.saved = None  # the step of the newest checkpoint
        self.good = set()  # steps whose checkpoints are known to verify

    def say(self, text, error=False):
        """One line to the console and to log.txt."""
        if self.writes:
            print(text, file=sys.stderr if error else sys.stdout, flush=True)
            self.note(time.strftime("%Y-%m-%d %H:%M:%S ") + text + "\n")

    def note(self, text):
        """Lines for log.txt alone."""
        if self.writes:
            path = os.path.join(self.folder, "log.txt")
            with open(path, "a", encoding="utf8", errors="backslashreplace") as file:
                file.write(text)

    def warn(self, text):
        """A warning, to stderr and log.txt."""
        self.say(f"warning: {text}", error=True)

    def guard(self):
        """Raises UserError, in every process, where another process has taken the folder over.

        From then on nothing is written here.
        """

        def look():
            try:
                self.lock.check()
            except UserError:
                self.writes = False
                raise

        distributed.on_rank0(look)

    def newest_step(self):
        """The step of the newest checkpoint; 0 before the first."""
        return (checkpoint.steps(self.checkpoints) or [0])[0]

    def status(self, state, step, text):
        """status.json: state (running, finished, interrupted, failed, diverged), step, a sentence."""
        self.state = state
        if self.writes and os.path.isdir(self.folder):
            write_atomically(
                os.path.join(self.folder, "status.json"),
                json.dumps({"state": state, "step": step, "text": text}, indent=1).encode(),
            )

    def finished(self, step):
        """Whether the run was said to be finished at this step: nothing that was due at it is left to do."""
        try:
            with open(os.path.join(self.folder, "status.json"), encoding="utf8") as file:
                found = json.load(file)
            return found["state"] == "finished" and found["step"] >= step
        except (OSError, ValueError, TypeError, KeyError):
            return False

    def open(self, trainer):
        """Restores the checkpoint that --resume asks for and prepares the folder for writing. Returns (step,
        state), the state None where nothing was restored.

        Raises UserError when that would overwrite or lose something, or when flags differ that would
        change the run.
        """
        distributed.on_rank0(self.lock_up)
        # process 0 reads: nodes need not share a file system
        self.step, state, fresh = distributed.on_rank0(self.find)
        if state is None:
            self.check_init(trainer)
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
                self.tensorboard = record.TensorBoard(os.path.join(self.folder, "tensorboard"), self.step)
            self.elsewhere = [Elsewhere(name, self) for name in self.args.log_to]
            self.header()
        if state is not None:
            trainer.restore(state)
            self.saved = None if fresh else self.step
        return self.step, state

    def check_init(self, trainer):
        """Reads the checkpoint of --init, if there is one, and raises UserError where it does not fit."""
        if self.args.init:  # process 0 reads, as in open()
            self.initial = distributed.on_rank0(lambda: checkpoint.named(self.args.init[0], "--init"))
            trainer.check_weights(self.initial["modules"], *self.args.init)

    def initialise(self, trainer, batch):
        """What a new run begins with: the trainer's initialisation from its first batch, then weights of
        --init."""
        seed_all(self.args.seed, "prepare", distributed.rank())
        trainer.initialise(batch)
        if self.args.init:
            trainer.take_weights(self.initial.pop("modules"), *self.args.init)

    def lock_up(self):
        """Makes the folder, takes its lock, and clears what a killed process left half written."""
        try:
            for folder in (self.checkpoints, self.samples):
                os.makedirs(folder, exist_ok=True)
                if not os.access(folder, os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
            dead = self.lock.take()
        except OSError as error:
            raise UserError(
                f"--save_path: cannot write to {self.folder}: {error.strerror}; use another folder"
            ) from error
        if dead:
            self.say(f"took over the lock of {who(dead)}, which is gone")
        copies = [
            os.path.join(self.folder, "files", flag)
            for flag, _ in saved_flags.files_of(saved_flags.record(self.args))
        ]
        for folder in (self.folder, self.checkpoints, self.samples, *filter(os.path.isdir, copies)):
            remove_temporary(folder)

    def find(self):
        """(step, state, whether the folder is begun afresh) to start from; (0, None, True) where there is
        nothing to go on from."""
        args, own, then = self.args, checkpoint.steps(self.checkpoints), saved_flags.read(self.folder)
        if args.resume == "none":
            if own:
                raise UserError(
                    f"--resume: {self.folder} holds checkpoints up to step {own[0]}; --resume=auto goes on "
                    "from there, another --name or --seed starts a new run"
                )
            return 0, None, True
        if args.resume == "auto":
            if own and then is not None:
                self.check(then)
                for line in saved_flags.edited(then, args, self.folder):
                    self.warn(line)
            damaged = {}
            step, state = checkpoint.newest(self.checkpoints, damaged.__setitem__)
            if own and state is None:
                for path, why in damaged.items():
                    self.warn(f"{path}: {why}")
                raise UserError(
                    f"--resume: none of the {len(own)} checkpoints in {self.checkpoints} can be read; "
                    "move them away to start afresh"
                )
            if state is not None:
                self.check(state["flags"])
            for path, why in damaged.items():
                aside = os.path.basename(checkpoint.set_aside(path))
                self.warn(f"skipped {path}: {why}; moved to {aside}")
            return step, state, state is None
        state = checkpoint.named(args.resume)
        step, inside = (
            state["step"],
            os.path.dirname(os.path.abspath(args.resume)) == os.path.abspath(self.checkpoints),
        )
        if own and not (inside and step == own[0]):
            raise UserError(
                f"--resume: {self.folder} holds checkpoints up to step {own[0]}; --resume=auto goes on from "
                "there, another --name starts a new run from the one you gave"
            )
        if inside:
            self.check(then or state["flags"])
        else:
            other = os.path.dirname(os.path.dirname(os.path.abspath(args.resume)))
            for line in saved_flags.differences(state["flags"], args, other):
                print(f"warning: starts from {args.resume} with {line}", file=sys.stderr)
            # of the other run's records
            state = {name: value for name, value in state.items() if name != "due"}
        if args.last_epoch is not None:
            if inside:
                raise UserError(
                    f"--last_epoch: given with a checkpoint of {self.folder} itself, whose later steps are "
                    "there already; use another --name"
                )
            step = args.last_epoch * args.steps_per_epoch
        return step, state, not inside

    def restore(self, trainer):
        """For modes: takes over the checkpoint that --at names, or the one of --resume=PATH; returns its
        step."""
        if self.args.at == "all":
            raise UserError(
                f"--at=all: --mode={self.args.mode} has room for the result of one checkpoint; use latest, "
                "best or a step"
            )
        (step,) = self.restore_each(trainer)
        return step

    def restore_each(self, trainer):
        """For modes whose results carry the step: takes over each checkpoint that --at names, and yields its
        step."""
        for _, state in self.states(self.args.at):
            trainer.restore(state)
            yield state["step"]

    def states(self, which):
        """(file name, state) of the "latest" checkpoint, the "best", "all", or that of a step; with
        --resume=PATH, of that one."""
        if self.args.resume not in ("none", "auto"):
            if which != "latest":
                raise UserError(f"--at={which}: given with --resume={self.args.resume}; use one of the two")
            state = checkpoint.named(self.args.resume)
            self.check_own(state, self.args.resume, "--resume", "leave out --name")
            yield os.path.basename(self.args.resume), state
            return
        steps = checkpoint.steps(self.checkpoints)
        if which == "best":
            found = ["best.pt"] if os.path.exists(os.path.join(self.checkpoints, "best.pt")) else []
        elif which == "latest":
            skipped = lambda path, why: print(f"warning: skipped {path}: {why}", file=sys.stderr)
            step, state = checkpoint.newest(self.checkpoints, skipped)
            if state is not None:
                self.check_own(state, checkpoint.path_of("", step))
                yield os.path.basename(checkpoint.path_of("", step)), state
                return
            found = []
        else:
            wanted = sorted(steps) if which == "all" else [int(which)]
            found = [os.path.basename(checkpoint.path_of("", step)) for step in wanted if step in steps]
        if not found:
            raise MissingError(
                ("--name: no checkpoint" if which == "latest" else f"--at={which}: no such checkpoint")
                + f" in {self.checkpoints}"
                + (f"; there is {', '.join(map(str, steps))}" if steps else "; train first")
            )
        read = 0
        for name in found:
            try:
                state = checkpoint.load_run(os.path.join(self.checkpoints, name))
            except (ValueError, OSError) as error:
                if which != "all":
                    raise MissingError(f"--at={which}: {name}: {error}; use another step") from None
                print(f"warning: skipped {name}: {error}", file=sys.stderr)
                continue
            self.check_own(state, name)
            read += 1
            yield name, state
        if not read:
            raise MissingError(
                f"--at=all: none of the {len(found)} checkpoints in "
                f"{self.checkpoints} can be read; restore one"
            )

    def check_own(self, state, name, flag="--name", advice="move it away"):
        """For modes: raises UserError for a checkpoint whose flags are another run's than flags.json's."""
        saved = saved_flags.read(self.folder)
        if saved is None:  # the checkpoint's own flags were taken
            return
        trained = copy.copy(self.args)
        vars(trained).update(saved)
        found = saved_flags.differences(state["flags"], trained, self.folder)
        if found:
            raise UserError(
                f"{flag}: {name} is of another run than {self.folder}: {'; '.join(found)}; {advice}"
            )

    def check(self, then):
        """Raises UserError where flags differ from an earlier start's in what would change the run."""
        found = saved_flags.differences(then, self.args, self.folder)
        if found:
            raise UserError(
                f"{'; '.join(found)}: this would change the run in {self.folder}; use the flags that it "
                "began with, or another --name"
            )

    def copy_files(self):
        """files/: copies of the loaded files as they were when the run began."""
        for flag, name in saved_flags.files_of(saved_flags.record(self.args)):
            copy = saved_flags.copied(self.folder, flag, name)
            if not os.path.exists(copy):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                with open(located(name), "rb") as file:
                    write_atomically(copy, file.read())

    def write_flags(self):
        """flags.json: every flag, and steps_per_epoch as the data gave it."""
        write_atomically(
            os.path.join(self.folder, "flags.json"),
            json.dumps(saved_flags.record(self.args), indent=1, sort_keys=True).encode(),
        )

    def header(self):
        """What a reader of log.txt wants to know of each start."""
        job = os.environ.get("SLURM_JOB_ID")
        self.say(
            f"start at step {self.step} on {platform.node()}, process {os.getpid()}"
            + (f", job {job}" if job else "")
            + f", {distributed.world_size()} process(es), python {platform.python_version()}, torch "
            f"{torch.__version__}, {self.args.device}, {torch.get_num_threads()} threads, code {commit()}"
        )

    def save_best(self, trainer, step):
        """checkpoints/best.pt: the state at the step with the best score so far, to be evaluated or sampled
        from.

        Called in every process.
        """
        self.guard()
        state = {"step": step, **trainer.capture(), "flags": saved_flags.record(self.args)}
        if self.writes:
            checkpoint.save(os.path.join(self.checkpoints, "best.pt"), state)

    def save(self, trainer, step, means, provisional=(), due=()):
        """A checkpoint of everything that outlives a step. Called in every process.

        provisional: names in this step's record that are there only because the run ends here. due: the
        measures of this step that are still to be made; a start from this checkpoint makes them first.
        """
        self.guard()
        state = {
            "step": step,
            **trainer.capture(),
            "means": means.capture(),
            "provisional": list(provisional),
            "flags": saved_flags.record(self.args),
        }
        if due:
            state["due"] = list(due)
        if self.writes:
            self.metrics.sync()
            checkpoint.save(checkpoint.path_of(self.checkpoints, step), state)
            self.good.discard(step)
            checkpoint.prune(
                self.checkpoints,
                step,
                self.args.keep_last,
                self.args.keep_every,
                self.good,
                lambda text: self.say(text, error=True),
            )
        self.saved = step

    def log(self, step, values):
        """One record of metrics.jsonl, and of TensorBoard where asked for."""
        self.guard()
        if self.writes:
            self.metrics.write(step, values)
            self.hand_on(step, values)

    def hand_on(self, step, values, pictures=None):
        """Values and {name: path of a picture} to TensorBoard, and to the files of --log_to."""
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        if self.tensorboard:
            self.tensorboard.log(step, values)
        for each in self.elsewhere:
            each.log(step, finite, pictures or {})

    def join(self, step, values):
        """Adds values that came later to the record of this step."""
        self.guard()
        if self.writes and values:
            self.metrics.join(step, values)
            self.hand_on(step, values)

    def draw(self, trainer, step, batch):
        """samples/step_<8 digits>.png from fixed noise, or what the trainer's pictures(batch) gives: {name:
        images [n, C, H, W]}; or what picture_fn draws, where data are no images. A picture that fails is
        warned of."""
        self.guard()
        if not self.writes:
            return
        with self.no_reason_to_stop(f"the picture of step {step}"):
            if self.picture_fn is not None:
                made = {"": self.picture_fn(trainer, step)}
            else:
                with trainer.evaluating(), seeded(self.args.seed, "samples"):
                    drawn = trainer.pictures(batch)
                made = {name: pictures.grid(images) for name, images in drawn.items()}
            paths = {}
            for name, picture in made.items():
                path = os.path.join(self.samples, f"step_{step:08d}{'_' + name if name else ''}.png")
                pictures.save_picture(picture, path)
                paths[name or "samples"] = path
                if self.tensorboard:
                    self.tensorboard.image(step, name or "samples", picture)
            self.hand_on(step, {}, paths)

    @contextlib.contextmanager
    def no_reason_to_stop(self, what):
        """Inside the block an error is a warning, and the run goes on; but for a full or failing disk, which
        the next checkpoint would meet as well."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                raise
            self.warn(
                f"{what} failed ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:150]}); training goes on"
            )
            self.note(traceback.format_exc())

    def plot(self):
        """curves.png from metrics.jsonl, with the experiment's band where there is one."""
        if self.writes:
            with self.no_reason_to_stop("curves.png"):
                _, band = self.band()
                pictures.curves(
                    self.metrics.read(),
                    os.path.join(self.folder, "curves.png"),
                    f"{self.args.name}, seed {self.args.seed}",
                    band and band["curves"],
                )

    def band(self):
        """(path, band) of this run's experiment, see engine/bands.py; (None, None) without one."""
        experiment = os.path.dirname(os.path.abspath(self.folder))
        return bands.find(experiment, self.args.name, saved_flags.record(self.args))

    def tell_where(self):
        """Prints where to look at the end."""
        if self.writes:
            drawn = sorted(name for name in os.listdir(self.samples) if name.endswith(".png"))
            for what, path in (
                ("samples", os.path.join(self.samples, drawn[-1]) if drawn else "none"),
                ("curves", os.path.join(self.folder, "curves.png")),
                ("metrics", self.metrics.path),
                ("checkpoint", checkpoint.path_of(self.checkpoints, self.newest_step())),
            ):
                print(f"  {what:<11}{path}")
            with self.no_reason_to_stop("the band"):
                _, band = self.band()
                told = bands.verdict(self.metrics.read(), band) if band else ""
                if told:
                    self.say(told)

    def close(self):
        """Closes what is open and gives the lock back."""
        if self.tensorboard:
            if self.state == "finished":
                self.tensorboard.hparams(saved_flags.record(self.args), self.metrics.read())
            self.tensorboard.close()
        for each in self.elsewhere:
            each.stop(self.state)
        if distributed.rank() == 0:
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
