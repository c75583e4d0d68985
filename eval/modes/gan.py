"""What --mode can do with the runs of any trainer that draws samples: functions of (trainer, data, run,
args), see __init__.py.
"""

import itertools
import os

from engine import distributed, pictures, preemption
from engine.errors import UserError
from engine.flags import number, positive
from engine.randomness import seeded
from engine.record import Progress
from eval.metrics.results import write_results
from eval.modes import points, walks, writing
from eval.modes.labels import classes_of, classes_on_the_way, in_turns, is_conditional, labels
from eval.modes.latents import read_noise, seed_of, set_truncation
from eval.modes.restoring import for_each_checkpoint, standing_statistics


def add_flags(declare):
    """Declares the flags of these modes; --samples, which training reads too, is a shared one."""
    declare("sample", "data", "export", "translate").add_argument(
        "--out",
        kept=False,
        default="",
        help="sample: a .png grid, a .npz array, a .zip or folder of PNGs (default: samples_<step>.png in "
        "the run's folder); data: a .png (default data.png); export: the folder to write (default: export in "
        "the run's folder); translate: the folder for translations of --images (default: one in the run's)",
    )
    declare("sample", "interpolate", "directions", "invert").add_argument(
        "--labels",
        type=labels,
        kept=False,
        default=None,
        help="classes of a conditional generator: all, or numbers, as in 3 or 3,5, in turns; a .png of "
        "samples has a row for each; a walk of interpolate goes from each to the next; invert tries them "
        "(default: drawn by --label_dist)",
    )
    declare("evaluate", "real").add_argument(
        "--is_splits",
        type=positive,
        kept=False,
        default=10,
        help="parts of the generated images, of whose Inception scores the mean is taken (default 10; 1: "
        "the score of all together)",
    )
    declare("evaluate").add_argument(
        "--per_class",
        action="store_true",
        kept=False,
        help="of a conditional generator also: fid and kid of each class; accuracy of a classifier trained "
        "on real images on generated ones, and of one trained on generated images on real ones",
    )
    group = declare("interpolate")
    group.add_argument(
        "--frames", type=number(int, 2), kept=False, default=10, help="images of each walk (default 10)"
    )
    group.add_argument(
        "--interpolation",
        choices=walks.WALKS,
        kept=False,
        default=None,
        help="the way between two noise points: an arc (spherical), or straight (linear; Radford et al. "
        "2016) (default: spherical between normal ones; linear between uniform ones, whose cube an arc "
        "leaves)",
    )


@for_each_checkpoint()
def sample(trainer, data, run, args, step):
    """Draws --samples images from a checkpoint and writes them, as they are drawn, to --out: a .png grid, a
    .npz array "images" uint8 [n, H, W, C], of a conditional generator with "labels" int64 [n], or numbered
    PNGs in a folder or .zip. The i-th image does not depend on how many are drawn, nor on the number of
    processes that share the work. Points: the picture of training, or a .npz array "points" float32 [n,
    d]."""
    if args.out and args.at == "all":
        raise UserError("--at=all: given with --out; leave out --out, the files' names then have the step")
    out = args.out or os.path.join(run.folder, f"samples_{step:08d}.png")
    are_points = points.are(args.data_shape)
    kind = writing.kind_of(out, args.data_shape, args.samples, are_points)
    distributed.on_rank0(lambda: writing.refuse_existing(out, kind))
    if are_points and kind is writing.Grid:
        for flag in ("z", "sample_seed", "truncation"):  # the picture is drawn as in training
            if getattr(args, flag) not in ("", None):
                raise UserError(f"--{flag}: the picture of points does not read it; use --out=FILE.npz")
        picture = points.Points(data, args).picture(trainer, step)
        if distributed.rank() == 0:
            os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
            picture.save(out)
            print(f"picture of {run.folder} at step {step}: {out}")
        return
    set_truncation(trainer, args)
    z = read_noise(args.z, trainer, args) if args.z else None
    n, told, options = args.samples if z is None else len(z), classes_of(trainer, args), {}
    if are_points:
        options["points"] = True
    if told is not None and kind is writing.Grid:  # a row a class
        options["rows"], n = len(told), max(n // len(told), 1) * len(told)
    parts = drawn_with_labels(trainer, n, seed_of(args), z=z, classes=told)
    if distributed.rank():
        for _ in parts:
            pass  # its share goes to process 0
        return
    first = next(parts)
    with (
        kind(out, n, first[0].shape[1:], **options) as writer,
        Progress("samples", n) as seen,
    ):
        for images, y in itertools.chain([first], parts):
            preemption.break_off()
            writer.add(images, y)
            seen.add(len(images) / distributed.world_size())
    print(f"{n} {'points' if are_points else 'images'} of {run.folder} at step {step}: {out}")


@for_each_checkpoint("generate")
def interpolate(trainer, data, run, args, step):
    """--samples walks of --frames images each between two noise points, by --interpolation:
    interpolate_<step>.png (a row a walk); .gif, .webp and, where there is ffmpeg, .mp4 (there and back)."""
    import torch

    points.refuse(args, "--mode=interpolate")
    walk = walks.between(args)
    set_truncation(trainer, args)
    with trainer.evaluating(), seeded(seed_of(args), "draw", "interpolate"):
        ends = trainer.noise(args.samples), trainer.noise(args.samples)
        t = torch.linspace(0, 1, args.frames, device=ends[0].device)
        told = classes_on_the_way(trainer, args, t)
        ways = walk(*ends, t)
        images = torch.cat([trainer.generate(way, *(c[i] for c in told)) for i, way in enumerate(ways)])
    columns = images.unflatten(0, (args.samples, args.frames)).transpose(0, 1)
    path = os.path.join(run.folder, f"interpolate_{step:08d}")
    pictures.grid(images, args.frames).save(path + ".png")
    frames = [pictures.grid(column) for column in columns]
    films = pictures.film(path, frames + frames[-2:0:-1])
    print(f"{args.samples} walks of {run.folder} at step {step}: {path}.png, {films}")


def drawn(trainer, n, seed, batch=256):
    """Yields the images alone of drawn_with_labels."""
    return (images for images, _ in drawn_with_labels(trainer, n, seed, batch))


def drawn_with_labels(trainer, n, seed, batch=256, z=None, classes=None):
    """Yields n images [m, C, H, W] in [-1, 1], with their classes int64 [m] or None, in order, on the CPU, in
    every process, in evaluation mode, from noise that depends on (seed, number of the batch), or of noise z
    [n, z_dim].

    classes: int64 [k], for the images in turns; by default drawn, of a conditional generator. Processes share
    the batches; one batch of each is held.
    """
    n = n if z is None else len(z)
    starts, size = range(0, n, batch), distributed.world_size()
    for first in range(0, len(starts), size):
        mine, at = None, first + distributed.rank()
        if at < len(starts):
            start = starts[at]
            with trainer.evaluating(), seeded(seed, "draw", start):
                mine = [x[: n - start].cpu() for x in made(trainer, start, batch, z, classes)]
        yield from (tuple(part) if len(part) == 2 else (part[0], None) for part in gathered(mine))


def gathered(mine):
    """What all processes have made, in their order."""
    return (part for part in distributed.gather(mine) if part is not None)


def made(trainer, start, n, z, classes):
    """[n images, and of a conditional generator their classes], of which the first is number `start`."""
    if not is_conditional(trainer):
        return [trainer.sample(n) if z is None else trainer.generate(z[start : start + n])]
    noise = trainer.noise(n) if z is None else z[start : start + n].to(trainer.device)
    y = in_turns(trainer, classes, len(noise), start)
    return [trainer.generate(noise, y), y]


def draw(trainer, n, seed, batch=256):
    """All images of drawn() as one tensor."""
    import torch

    return torch.cat(list(drawn(trainer, n, seed, batch)))


def evaluate(trainer, data, run, args):
    """Scores of --at latest, best or all checkpoints, or that of a step: printed, and appended to
    evaluations.jsonl, which eval.tables reads. Points: their measures."""
    if points.are(args.data_shape):
        return measure_points(trainer, data, run, args)
    from eval.modes.scoring import Scorer

    states = run.states(args.at)
    states = itertools.chain([next(states)], states)  # one at a time; that there is none is said at once
    scorer = Scorer(args, data, trainer.device, run)
    if args.per_class:
        scorer.add_classes(trainer)
    say(scorer.describe())
    results = []
    for name, state in states:
        trainer.restore(state)
        standing_statistics(trainer, args)
        results = scorer.score(trainer, state["step"], name)
        for result in results:
            spread = "" if result["std"] is None else f" +/- {result['std']:.4g}"
            say(
                f"step {state['step']}  {result['name']}  {result['value']:.6g}{spread}"
                + ("  (fewer images than features)" if result["singular"] else "")
            )
    for note in scorer.notes(results):
        say(note)
    return 0


def measure_points(trainer, data, run, args):
    """The measures of `eval.modes.points` of --at latest, best or all checkpoints, or that of a step:
    printed, and written to evaluations.jsonl."""
    measured = points.Points(data, args)
    say(measured.describe())
    for name, state in run.states(args.at):
        trainer.restore(state)
        standing_statistics(trainer, args)
        found = measured.measure(measured.draw(trainer))
        if distributed.rank() == 0:
            write_results(run, state["step"], measured.results(found, name))
        say(f"step {state['step']}  " + "  ".join(f"{name} {value:.6g}" for name, value in found.items()))
    return 0


def say(text):
    """Prints a line, in process 0 only."""
    if distributed.rank() == 0:
        print(text, flush=True)


def animate(trainer, data, run, args):
    """The pictures of samples/, one after the other: animation.gif."""
    for path, n in pictures.animate(run, args):
        print(f"animation of {n} frames: {path}")
    return 0


@for_each_checkpoint()
def neighbours(trainer, data, run, args, step):
    """The 5 training images nearest to each of --samples generated ones: neighbours_<step>.png, a row for
    each of the first 100, and the least and the median distance of all in pixels 0 .. 255."""
    from eval.metrics.neighbours import SHOWN, blocks, nearest, picture

    points.refuse(args, "--mode=neighbours")
    set_truncation(trainer, args)
    path, closest = os.path.join(run.folder, f"neighbours_{step:08d}.png"), []
    for samples in blocks(drawn(trainer, args.samples, seed_of(args))):
        found = nearest(samples, data["train"])
        if not closest:
            picture(samples[:SHOWN], found["images"][:SHOWN]).save(path)
        closest += found["distances"][:, 0].tolist()
    print(
        f"distance to the nearest training image: least {min(closest):.4g}, median "
        f"{sorted(closest)[(len(closest) - 1) // 2]:.4g} (pixels 0 .. 255, Euclidean); {path}"
    )


MODES = {
    "sample": sample,
    "interpolate": interpolate,
    "evaluate": evaluate,
    "neighbours": neighbours,
    "animate": animate,
}
