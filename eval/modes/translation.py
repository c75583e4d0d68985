"""What --mode=translate measures of two translators F: A -> B and G: B -> A, and the measures themselves.

A trainer offers to_b(a) and to_a(b); the data's iterators are of two domains (iterators/library/unpaired.py).
"""

import json
import os

import torch
import torch.nn.functional as F

from engine import pictures
from engine.errors import UserError
from engine.flags import weight
from engine.randomness import seeded
from eval.metrics import classifier, evaluate, extractors
from eval.metrics.results import append_result, write_results
from eval.modes.autoencoder import folder_of
from eval.modes.own_images import OwnImages, to_picture, to_tensor
from eval.modes.restoring import for_each_checkpoint
from eval.modes.scoring import reference_of

COLUMNS = 20
# how translations are written, by the ending of the picture's name; other kinds become .png
WRITTEN = {
    ".png": {},
    ".bmp": {},
    ".tif": {},
    ".tiff": {},
    ".webp": {"lossless": True},
    ".jpg": {"quality": 95, "subsampling": 0},
    ".jpeg": {"quality": 95, "subsampling": 0},
}


def add_flags(declare):
    """Declares the flags of this mode; --metrics and those beside it are shared ones."""
    declare("translate", of="translation").add_argument(
        "--noise_std",
        type=weight,
        default=0.02,
        help="deviation of noise on translations in [-1, 1], before they are translated back (default 0.02)",
    )
    declare("translate").add_argument(
        "--direction",
        kept=False,
        choices=("ab", "ba"),
        default=None,
        help="with --images: from A to B, or from B to A (default ab)",
    )


@for_each_checkpoint("to_b")
def translate(trainer, data, run, args, step):
    """Grids of translations both ways, and measures of the test split (train where there is none): cycle
    errors, also with the translation rounded to bytes or noisy before the way back; where the data has
    labels, how many grey translations a classifier of real images gives their label; with --metrics, scores
    of the translations against real images. Grids and a .json in <run>/translate/, lines for `python -m
    eval.tables` in evaluations.jsonl. With --images: a translation of each picture, in the folder --out."""
    if args.images:
        translate_own(trainer, run, args, step)
        return
    for flag in ("direction", "out"):
        if getattr(args, flag):
            raise UserError(f"--{flag}: given without pictures to translate; use it with --images=FOLDER")
    split = "test" if "test" in data else "train"
    path = folder_of(run, args)
    found = {"step": step, "split": split, "noise_std": args.noise_std}
    with trainer.evaluating():
        for source, target, there, back in (
            ("a", "b", trainer.to_b, trainer.to_a),
            ("b", "a", trainer.to_a, trainer.to_b),
        ):
            images, y = images_of(data[split].domains[source], data[split])
            with seeded(args.seed, "translate", source):
                result, made = one_way(images, there, back, args.noise_std)
            first = made[:COLUMNS]
            shown = pictures.rows(images[:COLUMNS], first, back(first)).cpu()
            pictures.grid(shown).save(os.path.join(path, f"step{step:08d}_{source}{target}.png"))
            judge = classifier_of(data, target) if y is not None else None
            if judge:
                result |= {"label_accuracy": accuracy(judge[0], made, y), "label_accuracy_real": judge[1]}
            if made.shape[1] == 3 and images.shape[1] == 1:
                real = images_of(data[split].domains[target], data[split])
                result |= {
                    "background_std": background_std(made),
                    "background_std_real": background_std(real[0]),
                }
                grey = classifier_of(data, source) if y is not None and split == "test" else None
                if grey:
                    result |= {
                        "mask_accuracy": accuracy(grey[0], 2 * mask(made) - 1, y),
                        "mask_accuracy_real": accuracy(grey[0], 2 * mask(real[0]) - 1, real[1]),
                    }
            if args.metrics:
                result["scores"] = scores(args, data, split, target, images, there, trainer.device)
            found[f"{source}{target}"] = result
    with open(os.path.join(path, f"step{step:08d}.json"), "w", encoding="utf8") as file:
        json.dump(found, file, indent=1)
    report(run, step, split, found)
    print(f"{path}/step{step:08d}_ab.png, _ba.png and .json")


def translate_own(trainer, run, args, step):
    """Writes a translation of each picture of --images to the folder --out, under its name, as large as it.

    Pictures stay .png, .jpg, .webp, .bmp or .tif; others become .png. Raises UserError where --out
    holds files, or a picture is of a size that the network does not take.
    """
    direction = args.direction or "ab"
    there = trainer.to_b if direction == "ab" else trainer.to_a
    channels = (args.data_shape if direction == "ab" else args.data_shape_b)[0]
    if args.out and args.at == "all":
        raise UserError("--at=all: given with --out; leave out --out, the folders' names then have the step")
    out = args.out or os.path.join(folder_of(run, args), f"step{step:08d}_{direction}_images")
    if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
        raise UserError(f"--out: {out} exists; use another folder")
    images = OwnImages(args.images)
    targets = {}
    for name in images.names:
        stem, ending = os.path.splitext(name)
        target = name if ending.lower() in WRITTEN else stem + ".png"
        if target in targets:
            raise UserError(f"--images: {targets[target]} and {name} would both become {target}; rename one")
        targets[target] = name
    with trainer.evaluating():
        for target, name in targets.items():
            x = to_tensor(images.read(name, channels))[None].to(trainer.device)
            made = pictures.to_uint8(translated(there, x, name, args))[0].permute(1, 2, 0).numpy()
            path = os.path.join(out, target)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            to_picture(made).save(path, **WRITTEN[os.path.splitext(target)[1].lower()])
    print(f"{len(targets)} pictures, {direction[0].upper()} to {direction[1].upper()} at step {step}: {out}")


def translated(there, x, name, args):
    """there(x) of a picture x [1, C, H, W], cut to its size where strides have made it larger. Raises
    UserError for a size that the network does not take."""
    height, width = x.shape[2:]
    try:
        made = there(x)
        fits = made.shape[2] >= height and made.shape[3] >= width
        reason = f"gives {made.shape[3]}x{made.shape[2]}"
    except (RuntimeError, ValueError) as error:
        fits, reason = False, " ".join(str(error).split())[:80]
    if not fits:
        trained = "x".join(map(str, args.data_shape[:0:-1]))
        raise UserError(
            f"--images: {name} has {width}x{height} pixels, which {args.network} does not take ({reason}); "
            f"use pictures of {trained}, as it was trained with"
        )
    return made[:, :, :height, :width]


def images_of(domain, iterator):
    """(images [n, C, H, W] in [-1, 1], labels int64 [n] or None) of one domain, in its order."""
    batches = list(domain)
    y = torch.cat([batch["y"] for batch in batches]) if "y" in batches[0] else None
    return iterator.still(torch.cat([batch["x"] for batch in batches])), y


def apply(translate, images, batch=100):
    """translate(images), `batch` images at a time."""
    return torch.cat([translate(part) for part in images.split(batch)])


def one_way(images, there, back, noise_std):
    """({measure: value}, translations) of one way: mean |back(there(x)) - x| over all values of images in
    [-1, 1], as it is and with the translation rounded to 8 bits, or with noise N(0, noise_std^2) added,
    before the way back; a translator that hides what it removes in small values cannot find it then.

    images: in [-1, 1]. It is measured as it is, with the translation there(x) rounded to 8 bits, and with
    noise N(0, noise_std^2) added to it. A translator may hide in small values what its partner must restore.
    Rounding or noise destroys that. Chu, Zhmoginov and Sandler 2017 (arXiv 1712.02950).
    """
    made = apply(there, images)
    error = lambda translation: (apply(back, translation) - images).abs().mean().item()
    clean, rounded = error(made), error(pictures.to_uint8(made).to(made.device) / 127.5 - 1)
    noisy = error(made + noise_std * torch.randn_like(made))
    return {
        "cycle_error": clean,
        "cycle_error_rounded": rounded,
        "cycle_error_noisy": noisy,
        "ratio_noisy": noisy / clean if clean else None,
    }, made


def classifier_of(data, name):
    """(Classifier trained on a domain's real training images, its accuracy on real test images), or None
    without labels or a test split to measure it on, and for images in colour: the classifier of those takes
    minutes, and is trained on mirrored ones, which digits do not survive."""
    splits = {split: iterator.domains[name] for split, iterator in data.items()}
    if "test" not in splits or not all(
        "y" in part.source.tensors and part.data_shape[0] == 1 for part in splits.values()
    ):
        return None
    net, right, _ = classifier.trained(
        classifier.labelled(splits, "train"), classifier.labelled(splits, "test")
    )
    return net, right


def accuracy(net, images, y):
    """The share of images in [-1, 1], rounded to bytes, to which the classifier gives their label."""
    return classifier.accuracy(net, pictures.to_uint8(images), y.cpu())


def background_std(images):
    """Deviation over images of the mean colour of their border, averaged over channels: 0 if all translations
    get one background. images: [n, C, H, W]."""
    return border(images).mean(2).std(0).mean().item()


def border(images, width=2):
    """The pixels of a border `width` pixels wide: [n, C, p]."""
    frame = torch.ones(images.shape[2:], dtype=torch.bool, device=images.device)
    frame[width:-width, width:-width] = False
    return images[:, :, frame]


def mask(images, std=3.0, rounds=8):
    """Where images [n, C, H, W] in [-1, 1] are inside out, as grey images [n, 1, H, W] in 0 .. 1: the digits
    of iterators/colour_mnist.py, found without a network.

    A pixel is u = s v with s = 1, or -1 inside the digit, v a photograph, smooth. From s = 1 on: v~ = blur(s
    u), a Gaussian of `std` pixels; s = tanh(2 <u, v~> / |v~|^2), products over channels; again, `rounds`
    times. The mask is (1 - s) / 2.
    """
    radius = round(3 * std)
    kernel = torch.exp(-torch.arange(-radius, radius + 1.0, device=images.device).square() / (2 * std**2))
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    s = torch.ones_like(images[:, :1])
    for _ in range(rounds):
        padded = F.pad(s * images, (radius,) * 4, mode="replicate")
        smooth = F.conv2d(
            F.conv2d(padded, kernel, groups=images.shape[1]), kernel.transpose(2, 3), groups=images.shape[1]
        )
        s = torch.tanh(
            2 * (images * smooth).sum(1, keepdim=True) / (smooth.square().sum(1, keepdim=True) + 1e-2)
        )
    return (1 - s) / 2


def scores(args, data, split, target, images, there, device):
    """{name: value} of --metrics with --extractor, of translations of random `images` against real images of
    the other domain, the protocol's split and counts."""
    real = {name: iterator.domains[target] for name, iterator in data.items()}
    extractor = extractors.get(args.extractor, device, extractors.weights_of(args), real)
    reference = reference_of(args, real, extractor, args.metrics)
    draw = lambda n: there(images[torch.randint(len(images), (n,)).to(images.device)])
    return evaluate.evaluate(
        draw, reference, extractor, args.protocol, args.metrics, args.eval_batch_size, args.seed
    )


LINES = {
    "cycle_error": ("cycle error", "{from}"),
    "cycle_error_rounded": ("cycle error", "{from}, rounded"),
    "cycle_error_noisy": ("cycle error", "{from}, noisy"),
    "label_accuracy": ("label accuracy", "{from} to {to}"),
    "mask_accuracy": ("mask accuracy", "{from} to {to}"),
    "background_std": ("background deviation", "{from} to {to}"),
}


def report(run, step, split, found):
    """Prints the measures, and writes those in LINES and the scores to evaluations.jsonl."""
    for source, target in ("ab", "ba"):
        result, sides = found[source + target], {"from": source.upper(), "to": target.upper()}
        for key, value in result.items():
            if key in LINES:
                metric, which = LINES[key]
                append_result(
                    run,
                    step,
                    metric,
                    f"{metric} {which.format(**sides)}",
                    value,
                    f"{split} split, noise {found['noise_std']:g}" if "noisy" in key else f"{split} split",
                    split=split,
                )
        for score in result.get("scores", ()):
            score |= {"name": f"{score['name']} of {source.upper()} to {target.upper()}"}
        write_results(run, step, result.get("scores", ()))
        text = ", ".join(
            f"{key.replace('_', ' ')} {value:.4f}"
            for key, value in result.items()
            if isinstance(value, float)
        )
        print(
            f"{source.upper()} to {target.upper()}: {text}"
            + "".join(f", {s['name']} {s['value']:.6g}" for s in result.get("scores", ()))
        )


MODES = {"translate": translate}
