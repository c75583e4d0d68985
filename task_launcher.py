#!/usr/bin/env python
"""Flags -> three files loaded by path -> trainer -> run directory -> training, or a mode on a trained run.
See README.md."""

import sys
import traceback
from functools import partial

import torch

from engine import distributed, flags, setup
from engine.errors import UserError
from engine.loop import fit
from engine.preemption import INTERRUPTED, Interrupted, Stopper, time_limit
from engine.run import RunDirectory
from eval.modes import MODES, SHARED, add_flags, points
from iterators.common import wrap


def main(argv=None):
    """Runs one command line; returns the exit code. Raises UserError for what the user can mend."""
    args = flags.parse(argv, ("train", *MODES), add_flags)
    stopper = Stopper(time_limit(args.time_limit)).install()
    device = setup.device(args)
    if args.mode not in ("train", *SHARED) and distributed.world_size() > 1:
        raise UserError(f"--mode={args.mode}: is for one process; leave out torchrun")
    data = setup.data(args, device, wrap)
    if args.mode == "train":
        setup.resolve(args, data)
    trainer = setup.trainer(args, setup.networks(args))
    trainer.to(device, memory_format=torch.channels_last)
    if args.compile and args.mode == "train":
        setup.compile(trainer)
    run = RunDirectory(args)
    if args.mode == "train":
        measure = points_of if points.are(args.data_shape) else evaluations
        code = fit(trainer, data, run, args, stopper, measure(args, trainer, data, device, run))
        if code == 0 and points.are(args.data_shape) and run.writes:
            MODES["animate"](trainer, data, run, args)
        return code
    return MODES[args.mode](trainer, data, run, args)


def evaluations(args, trainer, data, device, run):
    """The events of --eval_every. What they need (weights, a classifier, real statistics) is looked for, or
    made, before the first step."""
    if not args.eval_every:
        return []
    from eval.modes.scoring import Scorer

    scorer = Scorer(args, data, device, run)
    trainer.notes.append(scorer.describe())
    return [(args.eval_every * args.steps_per_epoch, scorer.event(trainer, partial(run.save_best, trainer)))]


def points_of(args, trainer, data, device, run):
    """The events of data that are points of the line or plane, and the pictures in place of sample grids."""
    if args.eval_every:
        points.refuse(args, "--eval_every")
    measured = points.Points(data, args)
    trainer.notes.append(measured.describe())
    run.painter = measured.picture
    return [measured.event(trainer)]


def command_line():
    """main() with errors as one line on stderr and as documented exit codes; --traceback shows where they
    came from."""
    try:
        code = main()
    except UserError as error:
        code = print_error(error, error.exit_code)
    except Interrupted as error:
        code = print_error(
            f"interrupted by {error} before the first step; the same command starts again", INTERRUPTED
        )
    except Exception as error:
        code = print_error(error, 1)
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
