"""What --mode can do with the noise of a trained generator: find codes of pictures, and directions.

Functions of (trainer, data, run, args), see __init__.py. The flags of noise are declared here too.
"""

import os
import zipfile

import numpy as np
import torch
from torch import nn

from engine import pictures
from engine.errors import MissingError, UserError
from engine.flag_types import count, positive, rate
from engine.randomness import seeded
from eval.modes import points
from eval.modes.labels import classes_of, in_turns, is_conditional
from eval.modes.own_images import OwnImages
from eval.modes.restoring import OFFERED_BY, check_offers, for_each_checkpoint

TRIES = 64  # noise points that an inversion may begin from
COLUMNS = 7  # images of a direction
PAIRS = 5  # given and found ones in a row


def add_flags(declare):
    """Declares the flags of noise, and those of these modes."""
    group = declare("sample", "interpolate", "neighbours", "directions")
    group.add_argument(
        "--truncation",
        kept=False,
        type=rate,
        default=None,
        help="draw again what of z ~ N(0, I) falls outside of [-truncation, truncation]: images closer to "
        "the usual, and less varied; Brock et al. 2019 (default: z as in training)",
    )
    declare("sample", "interpolate", "neighbours", "directions", "invert").add_argument(
        "--sample_seed", kept=False, type=count, default=None, help="seed of the noise (default: --seed)"
    )
    declare("sample").add_argument(
        "--z",
        kept=False,
        default="",
        metavar="FILE",
        help="noise [n, z_dim] to make images of, in place of --samples drawn ones: a .npy, .csv, or .npz "
        "with an array z, as --mode=invert and --mode=directions write it",
    )
    declare("invert").add_argument(
        "--invert_steps",
        kept=False,
        type=positive,
        default=500,
        help="steps of Adam, where there is no encoder (default 500)",
    )
    group = declare("directions")
    group.add_argument(
        "--directions", kept=False, type=positive, default=5, help="how many directions (default 5)"
    )
    group.add_argument(
        "--reach",
        kept=False,
        type=rate,
        default=3.0,
        help="how far to go along each, both ways (default 3)",
    )


def seed_of(args):
    """The seed that modes draw noise from: --sample_seed, else the run's."""
    return args.seed if args.sample_seed is None else args.sample_seed


def set_truncation(trainer, args):
    """Makes the trainer draw noise as --truncation says. Raises UserError for noise that is not normal."""
    if args.truncation is not None and args.z_dist != "normal":
        raise UserError("--truncation: is for z ~ N(0, I), the run has --z_dist=uniform; leave it out")
    trainer.truncation = args.truncation


def read_noise(path, trainer, args):
    """z float32 [n, z_dim] of --z. Raises UserError where it holds anything else, or other flags of noise are
    given."""
    check_offers(trainer, args, "generate")
    for flag in ("truncation", "sample_seed", "samples"):
        if getattr(args, flag) != args.defaults[flag]:
            raise UserError(f"--{flag}: given with --z, which is the noise itself; use one of the two")
    kinds = "use a .npy, a .npz with an array z, or a .csv of numbers"
    try:
        if path.endswith(".csv"):
            z = np.loadtxt(path, delimiter=",", ndmin=2)
        else:
            z = np.load(path, allow_pickle=False)
            if isinstance(z, np.lib.npyio.NpzFile):
                z = z["z"]
        if z.dtype.kind not in "iuf":
            raise TypeError(z.dtype)
        z = torch.from_numpy(z.astype(np.float32))
    except FileNotFoundError:
        raise MissingError(f"--z: no file {path}; {kinds}") from None
    except OSError as error:
        raise UserError(f"--z: {path}: {error.strerror}; {kinds}") from None
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        # without NumPy's own text, which advises to unpickle what it cannot read
        raise UserError(f"--z: {path} holds no array of numbers that can be read; {kinds}") from None
    if z.ndim != 2 or z.shape[1] != args.z_dim or not len(z) or not z.isfinite().all():
        raise UserError(f"--z: {path} holds {list(z.shape)}; must be finite numbers [n, {args.z_dim}]")
    return z.to(trainer.device)


# --- inversion


@for_each_checkpoint()
def invert(trainer, data, run, args, step):
    """Codes of the pictures of --images, by the encoder where there is one, else by optimisation:
    invert_<step>.png, each picture with the image of its code at its right, and invert_<step>.npz with z,
    names and errors."""
    points.refuse(args, "--mode=invert")
    images = OwnImages(args.images)
    by_encoder = trainer.encode is not None and trainer.decode is not None
    if not by_encoder and trainer.generate is None:
        raise UserError(
            f"--mode=invert: {args.trainer} makes no images of codes; use it for a run of "
            f"{OFFERED_BY['generate']}, or an autoencoder's"
        )
    x = images.fitted(args.data_shape).to(trainer.device)
    codes, made, told = [], [], []
    classes = classes_of(trainer, args)
    with trainer.evaluating():
        for i, part in enumerate(x.split(TRIES)):
            with seeded(seed_of(args), "draw", "invert", i):
                z, *y = [trainer.encode(part)] if by_encoder else optimised(trainer, part, classes, args)
            codes.append(z)
            told += [each.cpu() for each in y]
            made.append(trainer.decode(z) if by_encoder else trainer.generate(z, *y))
    z, made = torch.cat(codes).float().cpu(), torch.cat(made)
    errors = (made - x).square().flatten(1).mean(1).cpu()
    path = os.path.join(run.folder, f"invert_{step:08d}")
    labels = {"labels": torch.cat(told).numpy()} if told else {}
    np.savez(path + ".npz", z=z.numpy(), names=np.array(images.names), errors=errors.numpy(), **labels)
    pictures.grid(torch.stack([x, made], 1).flatten(0, 1).cpu(), 2 * min(len(x), PAIRS)).save(path + ".png")
    how = "the encoder" if by_encoder else f"{args.invert_steps} steps of Adam"
    print(
        f"codes of {len(x)} pictures by {how}: mean squared error {errors.mean():.4g}, at most "
        f"{errors.max():.4g} (in [-1, 1]); {path}.png and .npz"
    )


def optimised(trainer, x, classes, args):
    """[z [n, z_dim]] that minimises the mean of (G(z) - x)^2 over an image's values, for images x [n, C, H,
    W], in --invert_steps steps; of a conditional generator with the classes int64 [n] that it is told.

    Each begins from the nearest of 64 drawn images, and keeps its class; classes: those that they take in
    turns, or None. Adam's learning rate falls from 0.1 to 0 by a cosine.
    z ~ U(-1, 1) stays in [-1, 1]. Lipton and Tripathi 2017 (arXiv 1702.04782).
    Differs from the paper: Adam; coordinates outside are clipped, not drawn again.
    """
    start = trainer.noise(TRIES)
    told = [in_turns(trainer, classes, TRIES)] if is_conditional(trainer) else []
    tries = trainer.generate(start, *told)
    nearest = torch.stack([(x - image).square().flatten(1).mean(1) for image in tries]).argmin(0)
    z, told = start[nearest].clone().requires_grad_(), [y[nearest] for y in told]
    optim = torch.optim.Adam([z], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optim, args.invert_steps)
    for _ in range(args.invert_steps):
        with torch.enable_grad():
            loss = (trainer.generate(z, *told) - x).square().flatten(1).mean(1).sum()
            (z.grad,) = torch.autograd.grad(loss, z)
        optim.step()
        schedule.step()
        if trainer.args.z_dist == "uniform":
            z.data.clamp_(-1, 1)
    return [z.detach(), *told]


# --- directions


@for_each_checkpoint("generate")
def directions(trainer, data, run, args, step):
    """The directions n of z that change most of what the generator's first layer gives:
    directions_<step>.png, a row a direction, from z - --reach n to z + --reach n for two z; .npz with them as
    z, and eigenvalues."""
    points.refuse(args, "--mode=directions")
    set_truncation(trainer, args)
    classes, told = classes_of(trainer, args), []
    with trainer.evaluating(), seeded(seed_of(args), "draw", "directions"):
        start = trainer.noise(2)
        found, eigenvalues = sefa(first_weight(trainer, start))
        if args.directions > len(found):
            raise UserError(
                f"--directions: given {args.directions}; must be at most {len(found)}, z's dimensions"
            )
        found = found[: args.directions].to(start.device)
        ways = torch.linspace(-args.reach, args.reach, COLUMNS, device=start.device)
        walks = start[None, :, None] + ways[:, None] * found[:, None, None]  # [directions, 2, COLUMNS, z_dim]
        if is_conditional(trainer):  # a class for each z
            told = [in_turns(trainer, classes, 2).repeat_interleave(COLUMNS)]
        images = torch.cat([trainer.generate(walk.flatten(0, 1), *told) for walk in walks])
    path = os.path.join(run.folder, f"directions_{step:08d}")
    pictures.grid(images, 2 * COLUMNS).save(path + ".png")
    np.savez(path + ".npz", z=found.cpu().numpy(), eigenvalues=eigenvalues[: args.directions].numpy())
    print(f"{args.directions} directions of {run.folder} at step {step}: {path}.png and .npz")


def sefa(weight):
    """(directions [d, d], eigenvalues [d]) of A^T A, the largest first, for a weight A [outputs, d].

    The unit vectors n of z that maximise |A n|^2, what the layer's output changes by. The largest coordinate
    of each is positive. Shen and Zhou 2021, section 3.2.
    Differs from the paper's code: rows of A are not scaled to length 1; the paper does not do so either.
    """
    values, vectors = torch.linalg.eigh(weight.double().t() @ weight.double())
    found = vectors.t().flip(0)
    signs = found.gather(1, found.abs().argmax(1, keepdim=True)).sign()
    return (found * signs).float(), values.flip(0).float()


def first_weight(trainer, z):
    """A [outputs, z_dim]: the weights of all layers of the generator that take z itself, stacked."""
    net, weights = trainer.sampling_net("gen"), []

    def look(layer, inputs, output):
        if inputs[0].numel() == z.numel() and torch.equal(inputs[0].flatten(1), z):
            weight = layer.weight.detach().cpu()  # as it is used: normalised where it is
            into = 0 if isinstance(layer, nn.ConvTranspose2d) else 1
            weights.append(weight.movedim(into, -1).flatten(0, -2))

    layers = [m for m in net.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
    handles = [layer.register_forward_hook(look) for layer in layers]
    try:
        trainer.generate(z)
    finally:
        for handle in handles:
            handle.remove()
    if not weights:
        raise UserError(
            f"--mode=directions: no Linear or Conv layer of gen in {trainer.args.network} takes z itself; "
            "use a generator that begins with one"
        )
    return torch.cat(weights)


MODES = {"invert": invert, "directions": directions}
