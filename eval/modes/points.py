"""Measures and pictures of a trainer of points: x [N, 1, 1, d] with d = 1 or 2, in place of images.

The trainer has sample(n). If it has probability(x), [N, 1, 1, d] -> [N], the pictures show that as D.
"""

import math

import numpy as np
import torch

from engine import distributed
from engine.errors import UserError
from engine.randomness import seeded
from eval.metrics import modes_covered, onedim
from eval.metrics import protocol as protocols
from eval.modes.restoring import standing_words

# d: points drawn for each picture and its measures, as in the homework and in PacGAN (Lin et al. 2018), where
# the mixture has no number of its own
SAMPLES = {1: 5000, 2: 2500}
BINS = 50  # of the histograms, as the homework has them
CURVE, MAP = 1000, 80  # where D is evaluated: points on a line; squares along each side of a plane
BLUE, ORANGE, GREY = "#2060a0", "#e07020", "#9aa0a6"


def are(shape):
    """Whether data of this shape (C, H, W) are points of one or two dimensions."""
    return tuple(shape[:-1]) == (1, 1) and shape[-1] in (1, 2)


def refuse(args, what):
    """Raises UserError if the data are points: `what` is for images."""
    if are(args.data_shape):
        raise UserError(f"{what}: is for images; the data are points: use --mode=sample or --mode=evaluate")


class Points:
    """Measures and pictures of a trainer of points, against the split "test", else "train".

    data: {split: DataIterator}. Every process makes one. Points are drawn with noise that depends on --seed
    only, so pictures of successive epochs have the same noise.
    """

    def __init__(self, data, args):
        mixture = dict(getattr(data["train"], "mixture", None) or {})
        samples = mixture.pop("samples", None)
        self.args, self.mixture = args, mixture or None
        self.split = "test" if "test" in data else "train"
        self.real = everything(data[self.split])
        self.d = self.real.shape[1]
        self.n = samples or SAMPLES[self.d]
        self.some = everything(data["train"])[: self.n]  # in a random order
        middle, half = (
            (self.real.max(0) + self.real.min(0)) / 2,
            (self.real.max(0) - self.real.min(0)).max() / 2,
        )
        self.low, self.high = middle - 1.25 * half, middle + 1.25 * half  # what the pictures show

    def draw(self, trainer):
        """float64 [n, d] from the trainer, in evaluation mode."""
        with trainer.evaluating(), seeded(self.args.seed, "samples"):
            return trainer.sample(self.n).flatten(1).cpu().numpy().astype(np.float64)

    def measure(self, x):
        """{name: float} of points [n, d]; all are NaN if some point is not finite.

        d = 1: w1, js, mean, std. With a mixture also mode_mass_<k>, the share of points whose nearest centre,
        in standard deviations, is k. d = 2, with a mixture: modes, high_quality, and reverse_kl = sum_k p_k
        log(m p_k), where p_k is the k-th mode's share of the points of high quality (Lin et al. 2018,
        released code).
        """
        if not np.isfinite(x).all():
            return dict.fromkeys(self.measure(self.real), math.nan)
        found = {}
        if self.d == 1:
            found = {
                "w1": onedim.wasserstein1(x, self.real),
                "js": onedim.jensen_shannon(x, self.real, BINS),
                "mean": x.mean(),
                "std": x.std(),
            }
            if self.mixture is not None and len(self.mixture["centres"]) > 1:
                found |= {f"mode_mass_{k}": share for k, share in enumerate(self.masses(x))}
        elif self.mixture is not None:
            covered = modes_covered.mixture(x, **self.mixture)
            counts = covered["points_per_mode"]
            found = {
                "modes": covered["modes"],
                "high_quality": covered["high_quality"],
                "reverse_kl": modes_covered.classes(counts)["kl"] if sum(counts) else math.nan,
            }
        return {name: float(value) for name, value in found.items()}

    def results(self, found, checkpoint):
        """What `measure` found, as results for evaluations.jsonl, with names such as "w1 5k-10k-test".

        checkpoint: the name of the checkpoint's file.
        """
        protocol = protocols.label(len(self.real), self.n, self.split)
        common = {
            "std": None,
            "extractor": "points",
            "protocol": protocol,
            "n_real": len(self.real),
            "n_fake": self.n,
            "split": self.split,
            "seed": self.args.seed,
            "ema": self.args.ema,
            "checkpoint": checkpoint,
        }
        return [
            {"metric": measure, "name": f"{measure} {protocol}{standing_words(self.args)}", "value": value}
            | common
            for measure, value in found.items()
        ]

    def masses(self, x):
        """The share of points [n, 1] nearest to each centre, in the centre's standard deviations."""
        centres, sigma = (
            np.asarray(torch.as_tensor(self.mixture[name], dtype=torch.float64)).reshape(1, -1)
            for name in ("centres", "sigma")
        )
        return np.bincount((np.abs(x - centres) / sigma).argmin(1), minlength=centres.size) / len(x)

    def describe(self):
        """A line for the log: what is measured, and the measures of real points."""
        best = ", ".join(f"{name} {value:.4g}" for name, value in self.measure(self.some).items())
        return (
            f"points: {self.n} samples are measured against {len(self.real)} of {self.split}; "
            f"as many of train give {best}"
        )

    def event(self, trainer):
        """(every, function(step)) for the loop: {"points/<name>": value}, when a picture is due."""

        def measure(step):
            # one process is enough: every process has the same networks
            found = self.measure(self.draw(trainer)) if distributed.rank() == 0 else {}
            return {f"points/{name}": value for name, value in found.items()}

        return self.args.steps_per_epoch * self.args.save_images_every or math.inf, measure

    def picture(self, trainer, step):
        """A PIL image. d = 1: histograms of samples and data, D as a curve. d = 2: points, and D as a map."""
        x = self.draw(trainer)
        found = self.measure(x)
        figure, axes = blank()
        (self.line if self.d == 1 else self.plane)(axes, trainer, x)
        shown = {1: ("w1", "js"), 2: ("modes", "high_quality")}[self.d]
        words = [f"{name.replace('_', ' ')} {found[name]:.4g}" for name in shown if name in found]
        axes.set_title(f"step {step}" + "".join(f", {word}" for word in words), fontsize=10)
        return to_image(figure)

    def line(self, axes, trainer, x):
        """Histograms over the range of the data and, against the right-hand axis, D."""
        edges = np.linspace(self.low[0], self.high[0], round(BINS * 1.25) + 1)
        width = edges[1] - edges[0]
        for points, colour, label in ((self.real, GREY, "data"), (x, BLUE, "samples")):
            density = np.histogram(points[np.isfinite(points)], edges)[0] / (len(points) * width)
            axes.fill_between(
                np.repeat(edges, 2)[1:-1],
                np.repeat(density, 2),
                color=colour,
                alpha=0.55,
                linewidth=0,
                label=label,
            )
            if label == "data":
                top = 1.6 * density.max()  # the same in all pictures of a run
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, top), xlabel="x", ylabel="density")
        if trainer.probability is not None:
            at = torch.linspace(self.low[0], self.high[0], CURVE)
            right = axes.twinx()
            values = self.output(trainer, at.reshape(-1, 1, 1, 1))
            right.plot(at.numpy(), values, color=ORANGE, linewidth=1.5, label="D")
            right.set_ylabel("D(x)", color=ORANGE)
            if within_one(values):
                right.set_ylim(0, 1)
            right.legend(loc="upper right", fontsize=8)
        axes.legend(loc="upper left", fontsize=8)

    def plane(self, axes, trainer, x):
        """D as a map, then the data, then the samples."""
        if trainer.probability is not None:
            ticks = [torch.linspace(float(low), float(high), MAP) for low, high in zip(self.low, self.high)]
            at = torch.stack(torch.meshgrid(*ticks, indexing="xy"), -1)
            values = self.output(trainer, at.reshape(-1, 1, 1, 2)).reshape(MAP, MAP)
            limits = {"vmin": 0, "vmax": 1} if within_one(values) else {}
            shown = axes.imshow(
                values,
                origin="lower",
                extent=(self.low[0], self.high[0], self.low[1], self.high[1]),
                cmap="PuOr_r",
                alpha=0.6,
                **limits,
            )
            axes.figure.colorbar(shown, ax=axes, label="D(x)", fraction=0.046, pad=0.02)
        axes.plot(self.some[:, 0], self.some[:, 1], ".", color=GREY, markersize=2, alpha=0.6, label="data")
        axes.plot(x[:, 0], x[:, 1], ".", color=BLUE, markersize=2, alpha=0.6, label="samples")
        axes.set(xlim=(self.low[0], self.high[0]), ylim=(self.low[1], self.high[1]), aspect="equal")
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2, fontsize=8, markerscale=4, frameon=False
        )

    def output(self, trainer, x):
        """probability(x) of points [n, 1, 1, d] as float64 [n], in evaluation mode."""
        with trainer.evaluating():
            return trainer.probability(x.to(next(trainer.parameters()).device)).double().cpu().numpy()


def everything(iterator):
    """All of its points, every process's share, float64 [n, d]."""
    mine = torch.cat([batch["x"].cpu() for batch in iterator]).flatten(1)
    return torch.cat(distributed.gather(mine)).numpy().astype(np.float64)


def within_one(values):
    """Whether all values are in [0, 1], so that D's output looks like a probability."""
    return bool(np.nanmin(values) >= 0 and np.nanmax(values) <= 1) if np.isfinite(values).any() else True


def blank():
    """A figure of 480x400 pixels and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 4.0), dpi=100)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(0.12, 0.12, 0.87, 0.92)
    return figure, figure.add_subplot()


def to_image(figure):
    """The figure as a PIL image."""
    from PIL import Image

    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
