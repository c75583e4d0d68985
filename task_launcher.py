#!/usr/bin/env python
"""Flags -> three files loaded by path -> trainer -> run directory -> training, or a mode on a trained run.

See README.md.
"""

import sys
import traceback
from functools import partial

import torch

from engine import console, distributed, flags, setup
from engine.errors import Interrupted, UserError, mendable
from engine.loop import fit
from engine.preemption import INTERRUPTED, Stopper, time_limit
from engine.run import RunDirectory
from eval.modes import ALONE, MODES, SHARED, add_flags, dry_run, points
from iterators.common import wrap


def main(argv=None, stopper=None):
    """Runs one command line; returns the exit code.

    Raises UserError for what the user can mend, and Interrupted where `stopper`, which has the signals
    then, breaks off what needs no saving.
    """
    stopper = stopper or Stopper()
    args = flags.parse(argv, {"train": None} | MODES, add_flags, ALONE)
    if args.mode != "train":
        stopper.doing = f"in --mode={args.mode}, which is not finished"
    stopper.limit(time_limit(args.time_limit))
    device = setup.device(args)
    if args.mode not in ("train", *SHARED) and distributed.world_size() > 1:
        raise UserError(f"--mode={args.mode}: is for one process; leave out torchrun")
    data = setup.data(args, device, wrap)
    if args.mode in ALONE:
        return MODES[args.mode](None, data, None, args)
    if args.mode == "train":
        setup.resolve(args, data)
    trainer = setup.trainer(args, setup.networks(args))
    trainer.to(device, memory_format=torch.channels_last)
    if args.mode == "train":
        trainer.check_networks()
    if args.compile and args.mode == "train":
        setup.compile(trainer)
    run = RunDirectory(args)
    if args.dry_run:
        return dry_run.show(trainer, data, run, args)
    if args.mode == "train":
        measure = points_of if points.are(args.data_shape) else evaluations
        events = measure(args, trainer, data, device, run) + health(args, trainer, data, run)
        code = fit(trainer, data, run, args, stopper, events)
        if code == 0 and points.are(args.data_shape) and run.writes:
            with run.no_reason_to_stop("the animation"):
                MODES["animate"](trainer, data, run, args)
        return code
    return MODES[args.mode](trainer, data, run, args)


def evaluations(args, trainer, data, device, run):
    """The events of --eval_every.

    What they need (weights, a classifier, real statistics) is looked for, or made, before the first step.
    """
    if not args.eval_every:
        return []
    from eval.modes.scoring import Scorer

    scorer = Scorer(args, data, device, run)
    trainer.notes.append(scorer.describe())
    return [(args.eval_every * args.steps_per_epoch, scorer.event(trainer, partial(run.save_best, trainer)))]


def health(args, trainer, data, run):
    """The event of --health."""
    if not args.health:
        return []
    from eval.modes.watching import Watch

    return [Watch(trainer, data, args, run).event()]


def points_of(args, trainer, data, device, run):
    """The events of data that are points of the line or plane, and the pictures in place of sample grids."""
    if args.eval_every:
        points.refuse(args, "--eval_every")
    measured = points.Points(data, args)
    trainer.notes.append(measured.describe())
    run.picture_fn = measured.picture
    return [measured.event(trainer)]


def command_line():
    """main() with errors as one line on stderr and as documented exit codes; --traceback shows where they
    came from."""
    console.outlive()
    stopper = Stopper().install()
    try:
        code = main(stopper=stopper)
    except UserError as error:
        code = print_error(error, error.exit_code)
    except Interrupted as error:
        text = f"interrupted by {error} {stopper.doing}; the same command starts again"
        code = print_error(text, INTERRUPTED)
    except Exception as error:
        found = mendable(error)
        code = print_error(found, found.exit_code) if found else print_error(error, 1)
    stopper.finish()
    distributed.stop()
    return code


def print_error(error, code, most=300):
    """Prints the error in one line of at most `most` characters, in process 0 alone; returns `code`."""
    if distributed.rank() == 0:
        if "--traceback" in sys.argv:
            traceback.print_exc()
        kind, more = (f"{type(error).__name__}: ", " (--traceback shows where)") if code == 1 else ("", "")
        line = f"task_launcher.py: {kind}{' '.join(str(error).split())}"
        room = most - len(more)
        if len(line) > room:  # what is wrong stands at the start, what to do at the end
            line = f"{line[: room - 125]} ... {line[-120:]}"
        print(line + more, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(command_line())
