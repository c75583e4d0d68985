"""What --mode can do with a trained encoder: functions of (trainer, data, run, args), see __init__.py.

Each writes to <run>/<mode>/, under names with the step. A trainer (trainers/codes.py) has a network enc, and
offers encode(x), decode(h) and interpolate(h, other, p).
"""

import csv
import itertools
import json
import os
import shutil

import numpy as np
import torch
from PIL import Image, ImageDraw

from engine import pictures, randomness, setup
from engine.errors import MissingError, UserError
from engine.flags import count, number, positive
from engine.pictures import gif
from engine.randomness import permutation, seeded
from eval.metrics import disentanglement, probe
from eval.metrics.results import append_result
from eval.modes.restoring import check_offers, for_each_checkpoint

RED, GREEN = (220, 40, 40), (40, 180, 60)
ACROSS = 18  # images beside one another of all combinations of attributes: 16 of four, and the inputs


# modes that walk from one example to another
WALKS = (
    "interp_train",
    "interp_valid",
    "interp_pixel_train",
    "interp_pixel_valid",
    "save_frames",
    "triangle",
)
SUPERVISED = ("interp_sup_train", "interp_sup_valid")


def add_flags(declare):
    """Declares the flags of these modes."""
    declare(*WALKS, *SUPERVISED, of="codes").add_argument(
        "--val_batch_size", type=positive, default=64, help="how many examples to show (default 64)"
    )
    declare(*WALKS, *SUPERVISED, "disentangle", of="codes").add_argument(
        "--vis_seed",
        type=count,
        default=0,
        help="seed of which examples, and of their partners (default 0)",
    )
    declare(*WALKS, of="codes").add_argument(
        "--num_interps",
        type=number(int, 2),
        default=10,
        help="images from one end to the other (default 10)",
    )
    declare("save_frames", "triangle", of="codes").add_argument(
        "--framerate", type=positive, default=30, help="frames a second (default 30)"
    )
    group = declare("save_frames", of="codes")
    group.add_argument(
        "--resize_to",
        type=count,
        default=0,
        help="pixels of a frame's side (default 0: as the images are)",
    )
    group.add_argument("--crf", type=number(int, 0, 51), default=23, help="libx264's quality (default 23)")
    group = declare("tsne", of="codes")
    group.add_argument(
        "--tsne_examples", type=positive, default=2000, help="training examples (default 2000)"
    )
    group.add_argument(
        "--use_labels",
        type=int,
        choices=(0, 1),
        default=1,
        help="classes are labels (1), or k-means clusters of the codes (0) (default 1)",
    )
    group = declare("logreg")
    group.add_argument(
        "--probe_of",
        choices=("enc", "disc"),
        kept=False,
        default=None,
        help="whose features are classified: the encoder's codes, or the discriminator's hidden states "
        "(default: enc where there is one)",
    )
    group.add_argument(
        "--probe_layer",
        type=count,
        kept=False,
        default=None,
        help="k of the discriminator's hidden state h_k (default: the last)",
    )
    group = declare("disentangle", of="codes")
    group.add_argument(
        "--votes",
        type=positive,
        nargs=2,
        default=[10000, 5000],
        metavar=("TRAIN", "EVAL"),
        help="votes to train and to evaluate (default 10000 5000)",
    )
    group.add_argument("--vote_images", type=positive, default=64, help="images a vote (default 64)")


# --- what the modes share


def mixer_name(args):
    """How codes are mixed: the --mixer of trainers that have one."""
    return getattr(args, "mixer", "linear")


def untrained(trainer, data, args):
    """The encoder as it was before training, in evaluation mode, batch norms' statistics estimated on the
    training split."""
    enc = setup.networks(args)["enc"].to(trainer.device, memory_format=torch.channels_last)
    return probe.estimate_batch_norm(enc, (batch["x"] for batch in data["train"]))


def folder_of(run, args, *parts):
    """<run>/<mode>/<parts>, made."""
    path = os.path.join(run.folder, args.mode, *parts)
    os.makedirs(path, exist_ok=True)
    return path


def split_of(data, name):
    """The iterator of a split. Raises UserError with the way to have one."""
    if name not in data:
        raise UserError(
            f"--mode: the data has no {name} split, there is {', '.join(data)}; "
            + ("use --iterator_args valid=N" if name == "valid" else "use data that has one")
        )
    return data[name]


def examples(iterator, n, seed):
    """n random examples of the whole split, which may be stored by class, as a batch; at most all of them."""
    batch = randomness.examples(iterator, n, seed)
    return {name: value[:n] for name, value in batch.items() if torch.is_tensor(value)}


def codes_of(encode, iterator, most=None):
    """(codes float32 [n, d], labels int64 [n] or None) of a split, on the CPU, in its order (the training
    split's is that of epoch 0)."""
    codes, labels, n = [], [], 0
    for batch in iterator:
        codes.append(encode(batch["x"]).flatten(1).float().cpu())
        labels.append(batch["y"].cpu() if "y" in batch else torch.empty(0, dtype=torch.int64))
        n += len(codes[-1])
        if most and n >= most:
            break
    labels = torch.cat(labels)[:most]
    return torch.cat(codes)[:most], labels if len(labels) else None


def strips(path, walks, ps, ends=None):
    """Writes walks [k, n, C, H, W]: a picture for each of n pairs, and all.png with a row for each.

    ps: the share of the example in each of the k images. ends: the partner and the example of each pair, [n,
    C, H, W] each, which stand at the ends of the strips. Columns and rows of all.png have names.
    """
    heads, n = [f"{p:.2f}" for p in ps], walks.shape[1]
    if ends is not None:
        walks = torch.cat([ends[0][None], walks, ends[1][None]])
        heads = ["input", *heads, "input"]
    rows = walks.transpose(0, 1)
    for i in range(n):
        pictures.grid(rows[i : i + 1]).save(os.path.join(path, f"pair_{i:04d}.png"))
    pictures.headed(rows, heads, [f"pair {i}" for i in range(n)]).save(os.path.join(path, "all.png"))
    print(f"{n} pairs, {len(ps)} images each: {path}")


# --- interpolation


def interpolation(split):
    """A mode that walks from partners to examples of a split (p = 0 .. 1) in code space, by --mixer."""

    @for_each_checkpoint("decode")
    def mode(trainer, data, run, args, step):
        x = examples(split_of(data, split), args.val_batch_size, args.vis_seed)["x"]
        ps = torch.linspace(0, 1, args.num_interps).tolist()
        with trainer.evaluating():
            h = trainer.encode(x)
            walks = torch.stack([trainer.decode(trainer.interpolate(h, h.roll(1, 0), p)) for p in ps])
        path = folder_of(run, args, f"{mixer_name(args)}_step{step:08d}")
        strips(path, walks, ps, (x.roll(1, 0), x))

    mode.__doc__ = (
        f"Strips of --num_interps images between --val_batch_size pairs of {split} in code space, from the "
        "partner (p = 0) to the example (p = 1), with these themselves at the ends."
    )
    return mode


def pixel_interpolation(split):
    """A mode that does so between the pixels of the examples, which takes no trained network."""

    def mode(trainer, data, run, args):
        check_offers(trainer, args, "decode")
        x = examples(split_of(data, split), args.val_batch_size, args.vis_seed)["x"]
        ps = torch.linspace(0, 1, args.num_interps).tolist()
        walks = torch.stack([torch.lerp(x.roll(1, 0), x, p) for p in ps])
        strips(folder_of(run, args, "pixel"), walks, ps)
        return 0

    mode.__doc__ = f"The same strips of {split} between the pixels of the examples; takes no trained network."
    return mode


def supervised(split):
    """A mode that decodes every combination of attributes between two examples' attributes, with the class
    mixer, and names them."""

    @for_each_checkpoint("blend")
    def mode(trainer, data, run, args, step):
        batch = examples(split_of(data, split), args.val_batch_size, args.vis_seed)
        path, x, a = folder_of(run, args, f"step{step:08d}"), batch["x"], batch["attributes"].float()
        names = getattr(data[split], "attribute_names", None) or [f"attribute {k}" for k in range(a.shape[1])]
        cut = 0  # pairs that differ in more attributes than are combined
        with trainer.evaluating():
            h = trainer.encode(x)
            for i in range(len(x)):
                first, second = a[i - 1], a[i]
                differ = (first != second).nonzero().flatten()
                cut += len(differ) > 6
                differ = differ[:6]  # 64 combinations at most
                wanted = second.repeat(2 ** len(differ), 1)
                for row, bits in enumerate(itertools.product((0, 1), repeat=len(differ))):
                    for at, bit in zip(differ, bits):
                        wanted[row, at] = (first, second)[bit][at]
                images = trainer.decode(
                    trainer.blend(
                        h[i : i + 1].expand(len(wanted), *h.shape[1:]),
                        h[i - 1 : i].expand(len(wanted), *h.shape[1:])
                        if i
                        else h[-1:].expand(len(wanted), *h.shape[1:]),
                        wanted,
                    )
                )
                row = torch.cat([x[i - 1 : i] if i else x[-1:], images, x[i : i + 1]])
                values = torch.cat([first[None], wanted, second[None]])
                lines = [
                    [(names[k], GREEN if value[k] else RED) for k in differ.tolist()] for value in values
                ]
                for end in (0, -1):
                    lines[end] = [("input", (255, 255, 255)), *lines[end]]
                picture = pictures.captioned(row, lines, ACROSS)
                picture.save(os.path.join(path, f"pair_{i:04d}.png"))
                squares(values, names).save(os.path.join(path, f"pair_{i:04d}_attributes.png"))
        more = (
            f"; {cut} of them differ in more than 6 attributes, of which the first 6 are combined"
            if cut
            else ""
        )
        print(f"{len(x)} pairs: {path}{more}")

    mode.__doc__ = (
        f"All combinations of the attributes in which two examples of {split} differ, decoded with the class "
        "mixer, between the two; under each its attributes' names, red for 0 and green for 1. "
        "_attributes.png: a row for each attribute, a column for each image."
    )
    return mode


def squares(values, names, side=12):
    """Attributes [n, A] as columns of squares, red for 0 and green for 1, with their names at the left."""
    table = np.array([[GREEN if v else RED for v in column] for column in values.t().tolist()], np.uint8)
    left = max(map(pictures.width_of, names)) + 4
    sheet = Image.new("RGB", (left + side * len(values), side * len(names)))
    sheet.paste(Image.fromarray(table.repeat(side, 0).repeat(side, 1)), (left, 0))
    draw = ImageDraw.Draw(sheet)
    for k, name in enumerate(names):
        draw.text((2, side * (k + 0.5)), name, anchor="lm", fill="white")
    return sheet


@for_each_checkpoint("decode")
def save_frames(trainer, data, run, args, step):
    """An animation x1 -> x2 -> ... -> x1 of --val_batch_size valid (else training) examples, --num_interps
    images a leg: out.gif, frames/, and out.mp4 where ffmpeg is found."""
    x = examples(data.get("valid", data["train"]), args.val_batch_size, args.vis_seed)["x"]
    ps = torch.linspace(0, 1, args.num_interps + 1)[1:].tolist()
    with trainer.evaluating():
        h = trainer.encode(x)
        # the way from each to the next: [n, k, C, H, W]
        legs = torch.stack([trainer.decode(trainer.interpolate(h.roll(-1, 0), h, p)) for p in ps], 1)
    frames = []
    for images in legs.flatten(0, 1).split(1):
        pixels = pictures.to_uint8(images)[0]
        picture = Image.fromarray(
            pixels.permute(1, 2, 0).squeeze(2).numpy()
            if len(pixels) == 1
            else pixels[:3].permute(1, 2, 0).numpy()
        )
        side = args.resize_to or max(picture.size)
        frames.append(picture.resize((side, side), Image.Resampling.NEAREST))
    path = folder_of(run, args, f"{mixer_name(args)}_step{step:08d}")
    gif(os.path.join(path, "out.gif"), frames, 1 / args.framerate)
    folder = os.path.join(path, "frames")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for i, frame in enumerate(frames):
        frame.save(os.path.join(folder, f"{i:06d}.png"))
    missing = pictures.mp4(os.path.join(path, "out.mp4"), frames, 1 / args.framerate, args.crf)
    print(
        f"{len(frames)} frames: {path}/out.gif"
        + (" and out.mp4" if missing is None else f" (no out.mp4: {missing})")
    )


@for_each_checkpoint("decode")
def triangle(trainer, data, run, args, step):
    """Mixes of three codes by --mixer, for --val_batch_size valid (else training) examples and the two before
    each. A triangle, .png: each example at a corner (the first at the top), along a side mixes of two, inside
    of all three; --num_interps images a side. An animation, .gif: the way from corner to corner on which the
    third has most when both others have as much, --num_interps images a leg."""
    x = examples(data.get("valid", data["train"]), args.val_batch_size, args.vis_seed)["x"]
    if len(x) < 3:
        raise UserError(
            f"--val_batch_size: {len(x)} example{'s' * (len(x) > 1)} to mix three of; use 3 or more"
        )
    path = folder_of(run, args, f"{mixer_name(args)}_step{step:08d}")
    whole, around = barycentric(args.num_interps), loop(args.num_interps)
    with trainer.evaluating():
        for i in range(len(x)):
            three = x[[i, i - 1, i - 2]]
            hs = trainer.encode(three).split(1)
            codes = torch.cat([trainer.combine(hs, shares) for shares in whole + around])
            flat, moving = trainer.decode(codes).split([len(whole), len(around)])
            pictures.triangle(flat).save(os.path.join(path, f"triple_{i:04d}.png"))
            frames = [pictures.between(three, im[None], shares) for im, shares in zip(moving, around)]
            gif(os.path.join(path, f"triple_{i:04d}.gif"), frames, 1 / args.framerate)
    print(f"{len(x)} triangles of {len(whole)} images, animations of {len(around)}: {path}")


def barycentric(side):
    """Shares of three that sum to 1, [(a, b, c)]: a triangle with `side` of them along each side, row by
    row from a = 1 on."""
    last = side - 1
    return [((last - i) / last, (i - j) / last, j / last) for i in range(side) for j in range(i + 1)]


def loop(leg, bend=0.75):
    """Shares of three that sum to 1: a closed way over (1, 0, 0), (0, 1, 0) and (0, 0, 1), `leg` from each
    to the next.

    Between two of them it is bent towards (1/3, 1/3, 1/3), half-way by `bend`, so that the third has a part
    there.
    """
    found = []
    for first in range(3):
        for t in (k / leg for k in range(leg)):
            pull = 4 * bend * t * (1 - t)
            shares = [pull / 3] * 3
            shares[first] += (1 - pull) * (1 - t)
            shares[(first + 1) % 3] += (1 - pull) * t
            found.append(tuple(shares))
    return found


# --- codes


@for_each_checkpoint("encode")
def embedding(trainer, data, run, args, step):
    """Codes and labels: train.npz (X_train, y_train), valid.npz and test.npz likewise, X float32 [n, d], y
    int64 [n] where there are labels."""
    path = folder_of(run, args, f"step{step:08d}")
    with trainer.evaluating():
        for split in data:
            codes, labels = codes_of(trainer.encode, data[split])
            np.savez(
                os.path.join(path, f"{split}.npz"),
                **{f"X_{split}": codes.numpy()}
                | ({f"y_{split}": labels.numpy()} if labels is not None else {}),
            )
            print(f"{len(codes)} codes of {codes.shape[1]} dimensions: {path}/{split}.npz")


@for_each_checkpoint("encode")
def tsne(trainer, data, run, args, step):
    """Five t-SNE maps (seeds 0 to 4) of --tsne_examples training codes: a scatter plot (.pdf, .png), the
    points (.npz), and in clusters.txt the mean squared distance between class centres after division of each
    axis by its deviation. --use_labels=0: classes are k-means clusters of the codes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    try:
        from sklearn.cluster import KMeans
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingError(
            "--mode=tsne: the package scikit-learn is not installed; pip install scikit-learn"
        ) from None
    path = folder_of(run, args, f"step{step:08d}")
    with trainer.evaluating():
        codes, labels = codes_of(trainer.encode, data["train"], args.tsne_examples)
    if not args.use_labels or labels is None:
        labels = torch.from_numpy(KMeans(10, n_init=4, random_state=0).fit(codes.numpy()).labels_).long()
    lines = [f"codes: {probe.cluster_distance(codes, labels):.4f}"]
    for seed in range(5):
        points = TSNE(
            2, random_state=seed, perplexity=min(30, (len(codes) - 1) / 3), init="random"
        ).fit_transform(codes.numpy())
        lines.append(f"t-SNE, seed {seed}: {probe.cluster_distance(points, labels):.4f}")
        np.savez(
            os.path.join(path, f"seed{seed}.npz"), codes=codes.numpy(), points=points, labels=labels.numpy()
        )
        figure = Figure(figsize=(6, 6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for label in labels.unique().tolist():
            chosen = labels.numpy() == label
            axes.scatter(*points[chosen].T, s=4, label=str(label))
        axes.legend(markerscale=3, fontsize=8)
        for kind in ("pdf", "png"):
            figure.savefig(os.path.join(path, f"seed{seed}.{kind}"), dpi=100)
    with open(os.path.join(path, "clusters.txt"), "w", encoding="utf8") as file:
        file.write(
            "\n".join(
                ["mean squared distance between class centres, each axis divided by its deviation", *lines]
            )
            + "\n"
        )
    print("\n".join(lines) + f"\n{path}")


@for_each_checkpoint()
def logreg(trainer, data, run, args, step):
    """The frozen probe (eval/metrics/probe.py) of codes, and of two yardsticks of the same dimension: PCA of
    the pixels, and the untrained encoder. Fitted on train, chosen on valid (a tenth of train where the data
    has none), reported on test: probe.json (probe_step<...>.json for another --at), and lines for `python -m
    eval.tables` in evaluations.jsonl. --probe_of=disc, the default where there is no encoder: of D's hidden
    state --probe_layer, with the untrained D as a yardstick: probe_disc_h<k>.json."""
    of = args.probe_of or ("enc" if trainer.encode else "disc")
    encode, start, names, file = (of_encoder if of == "enc" else of_disc)(trainer, data, args)
    parts = [split_of(data, name) for name in ("train", *(["valid"] if "valid" in data else []), "test")]
    with trainer.evaluating():
        trained = [codes_of(encode, part) for part in parts]
        if trained[0][1] is None:
            raise UserError("--mode=logreg: the data has no labels y; use data with labels")
        random = [codes_of(start, part) for part in parts]
    pixels = [codes_of(lambda x: x, part) for part in parts]
    components = probe.pca(pixels[0][0], trained[0][0].shape[1])
    kinds = dict(zip(names, (trained, random, [(components(x), y) for x, y in pixels])))
    if "valid" not in data:
        kinds = {kind: held_out(*splits) for kind, splits in kinds.items()}
    found = {kind: probe.linear_probe(*splits) for kind, splits in kinds.items()}
    counts = [len(codes) for codes, _ in kinds[names[0]]]
    name = file + (".json" if args.at == "latest" else f"_step{step:08d}.json")
    with open(os.path.join(run.folder, name), "w", encoding="utf8") as file:
        json.dump(
            {
                "step": step,
                "train": counts[0],
                "valid": counts[1],
                "test": counts[2],
                "dims": trained[0][0].shape[1],
                "probes": found,
            },
            file,
            indent=1,
        )
    for kind, result in found.items():
        append_result(
            run,
            step,
            "probe accuracy",
            f"probe accuracy, {kind}",
            result["test"],
            f"frozen {kind}, L-BFGS, {counts[0]} train, L2 by {counts[1]} valid",
            split="test",
            n_real=counts[2],
        )
        print(
            f"{kind}: test {100 * result['test']:.2f}%, valid {100 * result['valid']:.2f}%, train "
            f"{100 * result['train']:.2f}%, {result['dims']} dimensions, L2 {result['l2']:g}"
        )


def of_encoder(trainer, data, args):
    """(codes of images, the untrained encoder's, names of the probes, of the file) of --probe_of=enc."""
    check_offers(trainer, args, "encode")
    if args.probe_layer is not None:
        raise UserError("--probe_layer: is of the discriminator; use --probe_of=disc")
    start = untrained(trainer, data, args)
    return trainer.encode, lambda x: trainer.code(start(x)), ("codes", "random encoder", "PCA"), "probe"


def of_disc(trainer, data, args):
    """The same of --probe_of=disc: D's hidden states in place of codes."""
    last = trainer.last_layer if "disc" in trainer.roles else 0
    if not last:
        raise UserError(
            f"--mode=logreg: {args.trainer} with {args.network} has no hidden states of a discriminator; use "
            "a network whose disc(x, stop=k) gives them"
        )
    layer = last if args.probe_layer is None else args.probe_layer
    if layer > last:
        raise UserError(f"--probe_layer: given {layer}; must be between 0 and {last} for {args.network}")
    fresh = setup.trainer(args, setup.networks(args))
    fresh.to(trainer.device, memory_format=torch.channels_last)
    with seeded(args.seed, "prepare", 0):  # as training begins
        fresh.initialise(next(data["train"].from_step(0)))
    features = lambda x: fresh.disc_features(x, layer)
    with fresh.evaluating():
        for role in (role for role in ("enc", "disc") if role in fresh.roles):  # E gives D of pairs its codes
            probe.estimate_batch_norm(fresh.sampling_net(role), (b["x"] for b in data["train"]), features)
    fresh.eval()
    name = f"h_{layer} of D"
    names = name, f"{name}, untrained", f"PCA for {name}"
    return lambda x: trainer.disc_features(x, layer), features, names, f"probe_disc_h{layer}"


def held_out(train, test):
    """(train, valid, test) of pairs (codes [n, d], labels [n]): a fixed random tenth of train is valid."""
    order = permutation(len(train[1]), "probe")
    valid, rest = order.split([max(1, len(order) // 10), len(order) - max(1, len(order) // 10)])
    return *((train[0][rows], train[1][rows]) for rows in (rest, valid)), test


@for_each_checkpoint("decode")
def encoder(trainer, data, run, args, step):
    """E and an untrained E of the same architecture, frozen, by four accuracies on test; and how well G
    inverts E, as in the table of Donahue et al. 2017's code.

    NNC: one nearest neighbour among the training images, CLS: logistic regression (eval/metrics/probe.py), on
    E(x) (_e) and on the layer before it (_e-). EGr: mean |x - G(E(x))|_2 with pixels in [0, 1]; EGr_b: the
    same of another test image x. Writes step<...>.json, and lines for `python -m eval.tables` in
    evaluations.jsonl.
    """
    parts = {name: split_of(data, name) for name in ("train", "valid", "test")}
    found, start = {}, untrained(trainer, data, args)
    with trainer.evaluating():
        for kind, enc in (("trained", trainer.sampling_net("enc")), ("random", start)):
            for at, encode in layers_of(trainer, enc).items():
                codes = {name: codes_of(encode, part) for name, part in parts.items()}
                if codes["train"][1] is None:
                    raise UserError("--mode=encoder: the data has no labels y; use data with labels")
                # in a thousand dimensions classes are soon separable: without a penalty there is no minimum
                result = probe.linear_probe(*codes.values(), probe.GRID if at == "e" else probe.GRID[:-1])
                found[f"{kind} {at}"] = {
                    "NNC": probe.nearest_neighbour(codes["train"], codes["test"]),
                    "CLS": result["test"],
                    "probe": result,
                }
        errors = recon_errors(trainer, parts["test"])
    n = {name: part.n for name, part in parts.items()}
    with open(os.path.join(folder_of(run, args), f"step{step:08d}.json"), "w", encoding="utf8") as file:
        json.dump({"step": step, **n, "encoders": found} | errors, file, indent=1)
    protocols = {
        "NNC": f"1-NN among {n['train']} train",
        "CLS": f"L-BFGS, {n['train']} train, L2 by {n['valid']} valid",
    }
    for at in layers_of(trainer, start):
        for measure, what in (("NNC", "1-NN accuracy"), ("CLS", "probe accuracy")):
            values = [found[f"{kind} {at}"][measure] for kind in ("trained", "random")]
            for label, value in (("", values[0]), ("random ", values[1]), ("margin ", values[0] - values[1])):
                append_result(
                    run,
                    step,
                    f"{label}{measure}_{at}",
                    f"{label}{measure}_{at} ({what})",
                    value,
                    protocols[measure],
                    split="test",
                    n_real=n["test"],
                )
            print(
                f"{measure}_{at} ({what}): {100 * values[0]:.2f}%, untrained encoder {100 * values[1]:.2f}%"
            )
    for metric, value in errors.items():
        append_result(
            run,
            step,
            metric,
            f"{metric} (L2 distance, pixels in [0, 1])",
            value,
            "test images",
            split="test",
            n_real=n["test"],
        )
    print(f"EGr {errors['EGr']:.3f}, EGr_b {errors['EGr_b']:.3f} (L2 distance of images, pixels in [0, 1])")


def layers_of(trainer, enc):
    """{"e": x -> codes, "e-": x -> the layer before}; "e-" only for encoders of several stages."""
    before = {"e-": lambda x: enc(x, stop=enc.layers - 1)} if getattr(enc, "layers", 1) > 1 else {}
    return {"e": lambda x: trainer.code(enc(x))} | before


def recon_errors(trainer, batches, seed=0):
    """{"EGr", "EGr_b"}: means of |x - G(E(x))|_2 and of |x' - G(E(x))|_2, pixels in [0, 1]; x' is another
    image, each once."""
    x = torch.cat([batch["x"] for batch in batches])
    recon = torch.cat([trainer.decode(trainer.encode(part)) for part in x.split(512)])
    order = permutation(len(x), seed, "another image").to(x.device)
    other = torch.empty_like(order)
    other[order] = order.roll(1)  # one cycle through all images, so none is its own x'
    return {
        name: float((recon - images).flatten(1).norm(dim=1).double().mean() / 2)
        for name, images in (("EGr", x), ("EGr_b", x[other]))
    }


@for_each_checkpoint("blend")
def class_embeddings(trainer, data, run, args, step):
    """The class mixer's mask for every combination of attributes (at most 2^12): class_embeddings.csv, a row
    a combination."""
    n = trainer.class_mixer[0].in_features
    if n > 12:
        raise UserError(
            f"--mode=class_embeddings: {n} attributes have {2**n:,} combinations; use it for a model of 12 "
            "or fewer"
        )
    combinations = torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)))
    with trainer.evaluating():
        masks = trainer.class_mixer(combinations.to(next(trainer.class_mixer.parameters()).device)).cpu()
    path = os.path.join(folder_of(run, args), f"step{step:08d}.csv")
    with open(path, "w", newline="", encoding="utf8") as file:
        table = csv.writer(file)
        table.writerow([f"attribute_{i}" for i in range(n)] + [f"mask_{i}" for i in range(masks.shape[1])])
        table.writerows(
            [*map(int, c)] + [f"{v:.6f}" for v in m] for c, m in zip(combinations.tolist(), masks.tolist())
        )
    print(f"{len(masks)} masks: {path}")


@for_each_checkpoint("encode")
def disentangle(trainer, data, run, args, step):
    """The FactorVAE and the beta-VAE metric of the codes (eval/metrics/disentanglement.py) on data that
    renders factors, as dSprites does."""
    source = getattr(data["train"], "source", None)
    if not hasattr(source, "images"):
        raise UserError(
            f"--mode=disentangle: {args.iterator} has no images by factors; use "
            "--iterator=iterators/dsprites.py"
        )
    device = trainer.device

    def encode(factors):
        return trainer.encode(source.images(factors).to(device)).flatten(1).cpu()

    with trainer.evaluating():
        train, evaluation = args.votes
        found = {
            "FactorVAE": disentanglement.factor_vae(
                encode, source.sizes, args.vote_images, train, evaluation, seed=args.vis_seed
            ),
            "beta-VAE": disentanglement.beta_vae(
                encode, source.sizes, args.vote_images, train, evaluation, seed=args.vis_seed
            ),
        }
    with open(os.path.join(folder_of(run, args), f"step{step:08d}.json"), "w", encoding="utf8") as file:
        json.dump({"step": step} | found, file, indent=1)
    for metric, result in found.items():
        append_result(
            run,
            step,
            f"{metric} score",
            f"{metric} score",
            result["score"],
            f"{train} train, {evaluation} eval, {args.vote_images} images a vote",
        )
        print(f"{metric}: {result['score']:.4f} (chance {result['chance']:.2f}); {result}")


MODES = {
    **{f"interp_{split}": interpolation(split) for split in ("train", "valid")},
    **{f"interp_pixel_{split}": pixel_interpolation(split) for split in ("train", "valid")},
    **{f"interp_sup_{split}": supervised(split) for split in ("train", "valid")},
    "save_frames": save_frames,
    "triangle": triangle,
    "embedding": embedding,
    "tsne": tsne,
    "logreg": logreg,
    "encoder": encoder,
    "class_embeddings": class_embeddings,
    "disentangle": disentangle,
}
