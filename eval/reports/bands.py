"""Bands of curves over seeds: what engine/bands.py reads.

python -m eval.bands results/NAME [-o FILE]
"""

import json
import math
import os
import sys

from scipy import special

from engine import bands, flags
from engine.errors import UserError
from eval import command
from eval.reports import runs as reading
from eval.reports import tables

CONFIDENCE = 0.95
WINDOW = 2  # records before and after a step whose variances are averaged with its own
MOST = 200  # steps kept of a curve


def curve(values):
    """{"steps", "low", "high"} of {step: [a value of each seed]}: a prediction interval at each step.

    mean ± t(n - 1) s √(1 + 1/n): it holds the value of one more run with probability CONFIDENCE, if values
    are normal. s² is averaged over 2 WINDOW + 1 neighbouring records.
    """
    steps = sorted(values)
    steps = (
        steps
        if len(steps) <= MOST
        else [steps[round(i * (len(steps) - 1) / (MOST - 1))] for i in range(MOST)]
    )
    stats = [tables.mean_std(values[step]) for step in steps]
    n = len(values[steps[0]])
    width = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(1 + 1 / n)
    found = {"steps": steps, "low": [], "high": []}
    for i, (mean, _) in enumerate(stats):
        near = stats[max(0, i - WINDOW) : i + WINDOW + 1]
        half = width * math.sqrt(sum(std**2 for _, std in near) / len(near))
        found["low"].append(float(f"{mean - half:.5g}"))
        found["high"].append(float(f"{mean + half:.5g}"))
    return found


def band(found):
    """The band of two or more finished runs of one experiment. Raises UserError for runs that differ in more
    than their seed."""
    first, *others = found
    changing = flags_of(first)
    for run in others:
        differ = [name for name, value in changing.items() if run.flags.get(name) != value]
        if differ:
            raise UserError(
                f"{run}: --{differ[0]} is {run.flags.get(differ[0])}, that of {first} is "
                f"{changing[differ[0]]}; a band is of runs that differ in their seed alone"
            )
    curves = {}
    for key in sorted(set.intersection(*(set(run.logged) for run in found))):
        series = [{r["step"]: reading.number(r[key]) for r in run.records if key in r} for run in found]
        steps = set.intersection(*map(set, series))
        values = {step: [each[step] for each in series] for step in steps}
        values = {step: its for step, its in values.items() if None not in its}
        if values:
            curves[key] = curve(values)
    if not curves:
        raise UserError(f"{first.name}: its runs have no logged step in common; use the same --log_every")
    seeds = sorted(run.seed for run in found)
    return {
        "name": first.name,
        "seeds": seeds,
        "confidence": CONFIDENCE,
        "flags": changing,
        "curves": curves,
    }


def flags_of(run):
    """The flags of a run that change it, but for its seed, what it knows of its data, and unused plans."""
    words = [f"--trainer={run.flags['trainer']}"] if "trainer" in run.flags else []
    declared = flags.parse(words, ("train",)).declared

    def counts(name):
        action = declared.get(name)
        plan = action.planned if action else None
        used = plan is None or run.flags.get(plan.where) in plan.values
        return name != "seed" and action is not None and action.changes_run and used

    return {name: value for name, value in run.flags.items() if counts(name)}


def main(argv=None):
    """Reads the command line and writes a band. Returns the exit code."""
    return command.run("eval.bands", write_band, argv)


def write_band(argv=None):
    """The command."""
    parser = flags.Parser(
        prog="python -m eval.bands",
        description="The band of an experiment's finished runs: where one more run is expected. curves.png, "
        "the end of a run and eval.report then show runs inside or outside it; see docs/tables.md.",
        epilog="exit codes: 0 done, 2 arguments or runs that do not fit, 3 no run",
    )
    parser.add_argument("folder", help="an experiment, as results/NAME, with the folders of its seeds")
    parser.add_argument(
        "-o", "--output", default=None, metavar="FILE", help=f"where to write (default: its own {bands.OWN})"
    )
    args = parser.parse_args(argv)
    found = [run for run in reading.find([args.folder]) if run.finished]
    names = sorted({run.name for run in found})
    if len(names) > 1:
        raise UserError(f"{args.folder}: holds {len(names)} experiments, {', '.join(names[:3])}; give one")
    if len(found) < 2:
        raise UserError(
            f"{args.folder}: {len(found)} finished runs; a band needs two seeds or more, better five"
        )
    made = band(found)
    path = args.output or os.path.join(os.path.dirname(os.path.abspath(found[0].folder)), bands.OWN)
    tables.write(path, json.dumps(made, sort_keys=True) + "\n")
    print(f"{path}: {len(made['curves'])} curves of {len(found)} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
