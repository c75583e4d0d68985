"""Experiments crossed with flags and seeds, in one command: `sh exps/grid.sh`; see docs/running.md.

With --halving all rows run to the first rung, the better third of them to the next, and so on. Since a
prolonged run equals one started long, a row that goes on is the row that a longer run would be.
"""

import argparse
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time

from engine import flags
from engine.console import counted
from engine.errors import MissingError, UserError
from engine.files import PROJECT
from engine.preemption import INTERRUPTED
from engine.record import duration
from eval import command
from eval.metrics import directions
from eval.modes import add_flags
from eval.reports import cells as planning
from eval.reports import runs as reading
from eval.reports import tables

POLL = 0.2  # seconds between two looks at the running processes
OWN_FLAGS = ("--jobs", "--list", "--slurm", "--metric", "--halving", "--rungs", "--better")
KEPT = 3  # one row in so many goes on to the next rung
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
USAGE = (
    "exps/grid.sh SCRIPT [flag=value,value ...] [flag='value|value' ...] [rows='label:--flag=1|...'] "
    "[seeds=0-2] [--jobs=N] [--list] [--slurm] [--metric=NAME] [--halving=METRIC --rungs=S,S,S] "
    "[--flag=value of every run ...]"
)


def folder_of(cell, seed):
    """Where the run of a cell with a seed lies."""
    return os.path.join(PROJECT, cell.args.save_path, cell.name, f"s{seed}")


def run_of(cell, seed):
    """The run of a cell with a seed, as it is on disk now."""
    return reading.Run(folder_of(cell, seed), cell.name, seed)


class Job:
    """One run of the grid: a cell with a seed, to so many steps (None: as its flags say)."""

    def __init__(self, script, cell, seed, steps=None, planned=()):
        self.script, self.cell, self.seed, self.steps = script, cell, seed, steps
        more = () if steps is None else (f"--max_steps={steps}", *planned)
        self.words = [*cell.words, *more, f"--seed={seed}"]
        self.folder = folder_of(cell, seed)
        self.log = self.folder + ".out"
        self.title = f"{cell.name} s{seed}"

    def run(self):
        """The run on disk, as it is now."""
        return run_of(self.cell, self.seed)

    def target(self):
        """The step at which it ends; None where the data have not been counted yet."""
        run, args = self.run(), self.cell.args
        if self.steps or args.max_steps:
            return self.steps or args.max_steps
        epoch = run.flags.get("steps_per_epoch")
        return args.epochs * epoch if epoch else None

    def done(self):
        """How many of its steps it has behind it: all of them where it has finished."""
        return self.run().status[1] or 0

    def finished(self):
        """Whether nothing is left to do."""
        target, done = self.target(), self.done()
        return target is not None and (done > target or done == target and self.run().finished)

    def state(self):
        """In words."""
        if self.finished():
            return "finished"
        return self.run().state_text() if os.path.isdir(self.folder) else "to run"

    def start(self, env):
        """Starts it, again and again while it exits 75, with its output in self.log."""
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        loop = os.path.join(PROJECT, "exps", "until_done.sh")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["sh", loop, self.script, *self.words],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.began = time.monotonic()

    def last_line(self):
        """The last line of its output."""
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - 2000))
            lines = log.read().decode("utf8", "replace").strip().splitlines()
        return lines[-1] if lines else "no output"


# --- running


class Runner:
    """Runs jobs, so many at a time. A signal goes to all of them; they save, and `stopped` is set."""

    def __init__(self, at_once):
        self.at_once, self.stopped, self.active = at_once, False, []
        threads = str(max(1, (os.cpu_count() or 1) // at_once))  # or each would take all cores
        self.env = os.environ | ({} if at_once == 1 else {"OMP_NUM_THREADS": threads})
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.stop)

    def stop(self, number, frame):
        """Passes the signal on."""
        self.stopped = True
        for job in self.active:
            job.process.terminate()

    def run(self, jobs):
        """Runs those that are not finished. Returns {job: exit code} of those that failed."""
        todo, failed, number = [job for job in jobs if not job.finished()], {}, 0
        total, began = len(todo), time.monotonic()
        while (todo or self.active) and not (self.stopped and not self.active):
            while todo and len(self.active) < self.at_once and not self.stopped:
                job = todo.pop(0)
                job.start(self.env)
                self.active.append(job)
            time.sleep(POLL)
            for job in [job for job in self.active if job.process.poll() is not None]:
                self.active.remove(job)
                number, code = number + 1, job.process.returncode
                if code and code != INTERRUPTED:
                    failed[job] = code
                said = "finished" if code == 0 else f"exit {code}: {job.last_line()}"
                left = (time.monotonic() - began) / number * (total - number)
                took = duration(time.monotonic() - job.began)
                more = f"; about {duration(left)} left" if number < total else ""
                print(f"[{number} of {total}] {job.title}: {said}, {took}{more}", flush=True)
        return failed


# --- how long


def tried(job):
    """(seconds a step, steps in all, steps an epoch) of a job, by --dry_run. Raises UserError as the run
    would."""
    done = subprocess.run(
        ["sh", job.script, *job.words, "--dry_run"], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    seconds = re.search(r"^  (\S+) s a step", done.stdout, re.M)
    steps = re.search(r"^  steps ([\d,]+), epochs \S+ of ([\d,]+) steps", done.stdout, re.M)
    if done.returncode or not (seconds and steps):
        said = (done.stderr.strip().splitlines() or ["it says no time"])[-1]
        kind = MissingError if done.returncode == MissingError.exit_code else UserError
        raise kind(f"{job.cell.name}: {said.removeprefix('task_launcher.py: ')}")
    return float(seconds[1]), *(int(text.replace(",", "")) for text in steps.groups())


def announce(jobs, trial, args, rungs):
    """Says what will run and how long it may take."""
    for job in jobs:
        print(f"  {job.title}: {job.state()}")
        print(f"    sh {shlex.join([os.path.relpath(job.script), *job.words])}")
    left = [job for job in jobs if not job.finished()]
    if trial is None:
        print(f"{len(jobs)} runs, all finished")
        return
    seconds, steps, _ = trial
    work = sum(max(0, (job.target() or steps) - job.done()) for job in left)
    text = f"{len(jobs)} runs, {len(left)} not finished; about {duration(work * seconds / args.jobs)}"
    if rungs:
        text += f" to step {rungs[0]}"
    print(
        f"{text}, by {seconds:.3g} s a step of {left[0].title}, {args.jobs} at a time; "
        "evaluations not counted"
    )


# --- halving


def planned_flags(cell, last):
    """The flags that keep what is planned over the run as it is for `last` steps. What the user has set
    stays."""
    found = []
    for name, action in cell.args.declared.items():
        plan = action.planned
        if plan and getattr(cell.args, plan.where) in plan.values and not getattr(cell.args, name):
            found.append(f"--{name}={last}")
    return found


def check_rungs(metric, rungs, args, epoch):
    """Raises UserError for rungs at which a prolonged run keeps no value of the metric: scores are kept at
    multiples of --eval_every, what training logs (as "disc/real") at those of --log_every."""
    scored = args.eval_every and "/" not in metric
    flag, interval = ("--eval_every", args.eval_every * epoch) if scored else ("--log_every", args.log_every)
    wrong = next((rung for rung in rungs if rung % interval), None)
    if wrong:
        near = max(1, round(wrong / interval)) * interval
        raise UserError(
            f"--rungs: {wrong} is no multiple of {flag} ({counted(interval, 'step')}); use {near}, "
            "or another multiple"
        )


def standing(cells, seeds, step, metric, better):
    """([(mean, cell)], best first, name of the metric) at a step, over all seeds; the mean is None for a row
    of which a seed lacks the metric there. better: "lower" or "higher".

    Raises UserError where no row has it.
    """
    rows = [[run_of(cell, seed) for seed in seeds] for cell in cells]
    try:
        found = tables.columns([run for row in rows for run in row], [metric])
    except UserError as error:
        raise type(error)(str(error).replace("--metric", "--halving", 1)) from None
    if len(found) != 1:
        names = ", ".join(repr(column.heading) for column in found)
        raise UserError(f"--halving: {metric} stands for {counted(len(found), 'metric')}; use one of {names}")
    means = []
    for cell, row in zip(cells, rows):
        points = [tables.choose(found[0].points.get(run, []), step)[0] for run in row]
        values = [point.value for point in points if point is not None]
        means.append((tables.mean_std(values)[0] if len(values) == len(seeds) else None, cell))
    if all(mean is None for mean, _ in means):
        raise UserError(
            f"--halving: no row has {metric} at step {step} for all seeds; use rungs at which it is measured "
            "(--eval_every)"
        )
    sign = 1 if better == "lower" else -1
    means.sort(key=lambda found: (found[0] is None, sign * (found[0] or 0)))
    return means, found[0].heading


def halve(script, cells, seeds, args, runner):
    """Runs the rungs. Returns ({job: exit code} of what failed, [(step, cells that ran to it)])."""
    failed, ran, last = {}, [], args.rungs[-1]
    for number, step in enumerate(args.rungs, 1):
        rows = counted(len(cells), "row")
        print(f"rung {number} of {len(args.rungs)}: {rows} to step {step}", flush=True)
        jobs = [Job(script, cell, seed, step, planned_flags(cell, last)) for cell in cells for seed in seeds]
        failed |= runner.run(jobs)
        ran.append((step, cells))
        if runner.stopped:
            break
        if number < len(args.rungs):
            order, name = standing(cells, seeds, step, args.halving, args.better)
            going = math.ceil(len(order) / KEPT)
            for place, (mean, cell) in enumerate(order):
                value = "not measured for all seeds" if mean is None else f"{name} {mean:.6g}"
                ends = mean is None or place >= going
                print(f"  {cell.name}: {value}, {'ends here' if ends else 'goes on'}")
            cells = [cell for mean, cell in order[:going] if mean is not None]
    return failed, ran


# --- tables


def show_tables(cells, seeds, args, rungs):
    """Prints the table over seeds; with rungs one for each, at its own step."""
    metrics = [word for name in filter(None, [args.halving, args.metric]) for word in ("--metric", name)]
    texts = ["--seeds", ",".join(map(str, seeds)), *metrics]
    for step, members in rungs or [(None, cells)]:
        folders = {os.path.join(PROJECT, cell.args.save_path, cell.name) for cell in members}
        there = sorted(folder for folder in folders if os.path.isdir(folder))
        if not there:
            continue
        if step is not None:
            print(f"\n# {counted(len(members), 'row')} at step {step}\n")
        at = [] if step is None else [f"--pick={step}"]
        tables.main([*there, *texts, *at])


# --- Slurm


def submit(jobs, args):
    """Hands the unfinished runs to Slurm, a task each of one job array, --jobs of them at a time if that is
    given."""
    todo = [job for job in jobs if not job.finished()]
    if not todo:
        return 0
    folder = os.path.join(PROJECT, todo[0].cell.args.save_path)
    os.makedirs(folder, exist_ok=True)
    lines = [shlex.join([os.path.relpath(job.script, PROJECT), *job.words]) for job in todo]
    path = os.path.join(folder, f"grid-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt")
    with open(path, "w", encoding="utf8") as file:
        file.write("\n".join(lines) + "\n")
    limit = f"%{args.jobs}" if args.jobs > 1 else ""
    words = ["sbatch", f"--array=1-{len(todo)}{limit}", os.path.join("exps", "slurm", "grid.sbatch"), path]
    print(shlex.join(words), flush=True)
    try:
        return subprocess.run(words, cwd=PROJECT).returncode
    except FileNotFoundError:
        raise MissingError(
            "--slurm: there is no sbatch here; use it where Slurm is, or leave it out"
        ) from None


# --- the command


def rungs(text):
    """The steps of "300,1000,3000", each above the one before."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) < 2 or found[0] < 1 or any(a >= b for a, b in zip(found, found[1:])):
        raise argparse.ArgumentTypeError(
            f"given {text!r}; use two steps or more, rising, as in 300,1000,3000"
        )
    return found


def own_parser():
    """The grid's own flags."""
    parser = flags.Parser(prog="exps/grid.sh", usage=USAGE, description="See docs/running.md.")
    parser.add_argument("--jobs", type=flags.positive, default=1, help="runs at a time (default 1)")
    parser.add_argument("--list", action="store_true", help="say what would run, and run nothing")
    parser.add_argument("--slurm", action="store_true", help="one Slurm job array, a run each task")
    parser.add_argument("--metric", default=None, metavar="NAME", help="of the table (default: every score)")
    parser.add_argument(
        "--halving",
        default=None,
        metavar="METRIC",
        help=f"one row in {KEPT}, by METRIC, goes on at each rung",
    )
    parser.add_argument("--rungs", type=rungs, default=None, metavar="S,S,S", help="the rungs, in steps")
    parser.add_argument("--better", choices=("lower", "higher"), default=None, help="of METRIC")
    return parser


def read(argv):
    """(script, axes, seeds, flags of every run, the grid's own flags). Raises UserError."""
    parser = own_parser()
    if {"-h", "--help"} & set(argv):
        parser.print_help()
        raise SystemExit(0)
    own = [word for word in argv if word.split("=")[0] in OWN_FLAGS]
    args = parser.parse_args(own)
    words = [word for word in argv if word not in own]
    if not words or words[0].startswith("-"):
        raise UserError(f"no script given; use {USAGE}")
    script, words = words[0], words[1:]
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    axes, common = words[:first], words[first:]
    wrong = next((word for word in axes if not planning.AXIS.fullmatch(word)), None)
    if wrong is not None:
        raise UserError(f"given {wrong!r}; use flag=value,value, and flags of every run after these")
    given = [word for word in axes if word.startswith("seeds=")]
    seeds = planning.seeds(given[-1].removeprefix("seeds=")) if given else [0]
    if (args.halving is None) != (args.rungs is None):
        raise UserError("--halving: use it with --rungs, as in --halving=FID --rungs=300,1000,3000")
    if args.halving:
        args.better = args.better or directions.direction(args.halving)
        if args.better is None:
            raise UserError(
                f"--halving: whether a low or a high {args.halving} is better is not known; "
                "use --better=lower or --better=higher"
            )
    if args.slurm and args.halving:
        raise UserError("--slurm: a job array cannot wait for a rung; leave it or --halving out")
    return script, [word for word in axes if word not in given], seeds, common, args


def run_grid(argv):
    """Reads the command line, says what will run, runs it, and prints the table. Returns the exit code."""
    script, axes, seeds, common, args = read(sys.argv[1:] if argv is None else argv)
    cells = planning.cells_of(script, axes, common, add_flags)
    steps = args.rungs[0] if args.rungs else None
    plan = lambda cell: planned_flags(cell, args.rungs[-1]) if args.rungs else ()
    jobs = [Job(script, cell, seed, steps, plan(cell)) for cell in cells for seed in seeds]
    left = next((job for job in jobs if not job.finished()), None)
    trial = tried(left) if left else None
    if args.rungs and trial:
        for cell in cells:
            check_rungs(args.halving, args.rungs, cell.args, trial[2])
    announce(jobs, trial, args, args.rungs)
    if args.list:
        return 0
    if args.slurm:
        return submit(jobs, args)
    runner = Runner(args.jobs)
    failed, ran = halve(script, cells, seeds, args, runner) if args.halving else (runner.run(jobs), None)
    if runner.stopped:
        print("interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    show_tables(cells, seeds, args, ran)
    for job, code in failed.items():
        print(f"{job.title}: exit {code}; see {os.path.relpath(job.log)}", file=sys.stderr)
    return max(failed.values(), default=0)


def main(argv=None):
    """The command line; returns the exit code."""
    return command.run("exps/grid.sh", run_grid, argv)
