"""What --mode can do with the runs of any trainer that draws samples: functions of (trainer, data, run,
args), see __init__.py.
"""

import itertools
import os

from engine import distributed, pictures
from engine.errors import UserError
from engine.flags import number, positive
from engine.randomness import seeded
from eval.metrics.results import write_results
from eval.modes import points, walks
from eval.modes.latents import read_noise, seed_of, set_truncation
from eval.modes.restoring import for_each_checkpoint, standing_statistics


def add_flags(declare):
    """Declares the flags of these modes; --samples, which training reads too, is a shared one."""
    declare("sample", "data", "export", "translate").add_argument(
        "--out",
        kept=False,
        default="",
        help="sample: a .png grid, a .npz array, else a folder of PNGs (default: samples_<step>.png in the "
        "run's "
        "folder); data: a .png (default data.png); export: the folder to write (default: export in the "
        "run's folder); translate: the folder for translations of --images (default: one in the run's)",
    )
    declare("evaluate", "real").add_argument(
        "--is_splits",
        type=positive,
        kept=False,
        default=10,
        help="parts of the generated images, of whose Inception scores the mean is taken (default 10; 1: "
        "the score of all together)",
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
    """Draws --samples images from a checkpoint and writes them to --out: a .png grid, a .npz array "images"
    uint8 [n, H, W, C], or a folder of numbered PNGs. The i-th image does not depend on how many are drawn,
    nor on the number of processes that share the work. Points: the picture of training, or a .npz array
    "points" float32 [n, d]."""
    if args.out and args.at == "all":
        raise UserError("--at=all: given with --out; leave out --out, the files' names then have the step")
    out = args.out or os.path.join(run.folder, f"samples_{step:08d}.png")
    kind = os.path.splitext(out)[1].lower()
    if kind not in ("", ".png", ".npz"):
        raise UserError(f"--out: given {out}; use a .png, a .npz or a folder")
    if not kind and args.data_shape[0] > 4:
        raise UserError(
            f"--out: given the folder {out}; images of {args.data_shape[0]} channels are no PNGs: use a .npz"
        )
    if distributed.on_rank0(lambda: os.path.exists(out) and (kind or os.listdir(out))):
        raise UserError(f"--out: {out} exists; use another path, or move it away")
    if points.are(args.data_shape) and kind != ".npz":
        if not kind:
            raise UserError(f"--out: given {out}; the data are points: use a .png or a .npz")
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
    images = draw(trainer, args.samples, seed_of(args), z=z)
    if distributed.rank() == 0:
        write(images, out, kind)
        print(
            f"{len(images)} {'points' if points.are(args.data_shape) else 'images'} of {run.folder} at step "
            f"{step}: {out}"
        )


def write(images, out, kind):
    """Images [n, C, H, W] in [-1, 1] to a .png grid, a .npz or (kind "") a folder; points [n, 1, 1, d] to a
    .npz as they are."""
    os.makedirs(os.path.dirname(os.path.abspath(out)) if kind else out, exist_ok=True)
    if kind == ".png":
        pictures.grid(images).save(out)
    elif kind == ".npz":
        import numpy as np

        if points.are(images.shape[1:]):
            np.savez(out, points=images.flatten(1).numpy())
            return
        np.savez(out, images=pictures.to_uint8(images).permute(0, 2, 3, 1).numpy())
    else:
        from PIL import Image

        for i, image in enumerate(pictures.to_uint8(images)):
            array = image.permute(1, 2, 0).squeeze(2) if len(image) == 1 else image.permute(1, 2, 0)
            Image.fromarray(array.numpy()).save(os.path.join(out, f"{i:06d}.png"))


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
        ways = walk(*ends, torch.linspace(0, 1, args.frames, device=ends[0].device))
        images = torch.cat([trainer.generate(way) for way in ways])
    columns = images.unflatten(0, (args.samples, args.frames)).transpose(0, 1)
    path = os.path.join(run.folder, f"interpolate_{step:08d}")
    pictures.grid(images, args.frames).save(path + ".png")
    frames = [pictures.grid(column) for column in columns]
    films = pictures.film(path, frames + frames[-2:0:-1])
    print(f"{args.samples} walks of {run.folder} at step {step}: {path}.png, {films}")


def draw(trainer, n, seed, batch=256, z=None):
    """n images [n, C, H, W] in [-1, 1] on the CPU, in every process, in evaluation mode, from noise that
    depends on (seed, number of the batch), or those of noise z [n, z_dim]; the batches are shared out among
    processes."""
    import torch

    mine, n = {}, n if z is None else len(z)
    with trainer.evaluating():
        for start in range(0, n, batch)[distributed.rank() :: distributed.world_size()]:
            with seeded(seed, "draw", start):
                made = trainer.sample(batch) if z is None else trainer.generate(z[start : start + batch])
            mine[start] = made[: n - start].cpu()
    drawn = {start: images for part in distributed.gather(mine) for start, images in part.items()}
    return torch.cat([drawn[start] for start in sorted(drawn)])


def evaluate(trainer, data, run, args):
    """Scores of --at latest, best or all checkpoints, or that of a step: printed, and appended to
    evaluations.jsonl, which eval.tables reads. Points: their measures."""
    if points.are(args.data_shape):
        return measure_points(trainer, data, run, args)
    from eval.modes.scoring import Scorer

    states = run.states(args.at)
    states = itertools.chain([next(states)], states)  # one at a time; that there is none is said at once
    scorer = Scorer(args, data, trainer.device, run)
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
    """The 5 training images nearest to each of --samples generated ones: neighbours_<step>.png, a row a
    sample, and their distances in pixels 0 .. 255."""
    from eval.metrics.neighbours import nearest, picture

    points.refuse(args, "--mode=neighbours")
    set_truncation(trainer, args)
    samples = draw(trainer, args.samples, seed_of(args))
    found = nearest(samples, data["train"])
    path = os.path.join(run.folder, f"neighbours_{step:08d}.png")
    picture(samples, found["images"]).save(path)
    closest = found["distances"][:, 0]
    print(
        f"distance to the nearest training image: least {closest.min():.4g}, median {closest.median():.4g} "
        f"(pixels 0 .. 255, Euclidean); {path}"
    )


MODES = {
    "sample": sample,
    "interpolate": interpolate,
    "evaluate": evaluate,
    "neighbours": neighbours,
    "animate": animate,
}
