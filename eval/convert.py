"""SN-GAN's residual networks of other libraries as a checkpoint of this one: python -m eval.convert.

The checkpoint is for --mode=X --resume=FILE and for --init=FILE. docs/use.md says what is taken.
"""

import os
import sys

import torch

from engine import checkpoint, flags, saved_flags, setup
from engine.errors import MissingError, UserError, first_line
from engine.files import read_regular
from engine.flag_types import Parser
from engine.record import Means
from eval import command
from eval.modes import MODES, add_flags

# entries of torch's own spectral norm, and those of networks.layers.SpectralNorm
SPECTRAL = {
    "weight_orig": "parametrizations.weight.original",
    "weight_u": "parametrizations.weight.0.u",
    "weight_v": "parametrizations.weight.0.v",
}


def inside(theirs, ours, parts):
    """{their module: ours} of the parts of a block."""
    return {f"{theirs}.{name}": f"{ours}.{own}" for name, own in parts.items()}


def mimicry_gen():
    """kwotsin/mimicry's generators for 32x32 and 48x48 images, nets/sngan/sngan_32.py and _48.py."""
    names = {"l1": "dense", "b5": "maps.3", "c5": "maps.5"}
    # bilinear doubling stands before the convolution, in a Sequential with it
    up = {"b1": "residual.0", "c1": "residual.2.1", "b2": "residual.3", "c2": "residual.5"}
    for i in range(3):
        names |= inside(f"block{i + 2}", f"maps.{i}", up | {"c_sc": "shortcut.0"})
    return names


def mimicry_disc(shortcuts):
    """Its discriminators. shortcuts: of each block, where our 1x1 convolution is, None where it has none."""
    names = {"l5": f"stages.{len(shortcuts) + 1}.0"}
    for i, shortcut in enumerate(shortcuts):
        parts = {"c1": "residual.0", "c2": "residual.2"} | ({"c_sc": shortcut} if shortcut else {})
        names |= inside(f"block{i + 1}", f"stages.{i}.1" if i else "stages.0", parts)
    return names


def studiogan_gen(classes=False):
    """PyTorch-StudioGAN's generator for 32x32 images of backbone resnet, models/resnet.py; classes: with
    class batch norm, g_cond_mtd cBN."""
    names = {"linear0": "dense", "bn4": "maps.3", "conv2d5": "maps.5"}
    up = {"conv2d1": "residual.2", "conv2d2": "residual.5"}
    for norm, own in (("bn1", "residual.0"), ("bn2", "residual.3")):
        parts = {"bn": "", "gain": ".scale", "bias": ".shift"}
        up |= {f"{norm}.{part}": own + mine for part, mine in parts.items()} if classes else {norm: own}
    for i in range(3):
        names |= inside(f"blocks.{i}.0", f"maps.{i}", up | {"conv2d0": "shortcut.0"})
    return names


def studiogan_disc(classes=False):
    """Its discriminator, with spectral norm; classes: with projection, d_cond_mtd PD."""
    names = {"linear1": "stages.5.0"}
    if classes:
        names = {"linear1": "stages.5.0.linear", "embedding": "stages.5.0.table"}
    for i in range(4):
        parts = {"conv2d1": "residual.0", "conv2d2": "residual.2"} | (
            {"conv2d0": "shortcut.1"} if i < 2 else {}
        )
        names |= inside(f"blocks.{i}.0", f"stages.{i}.1" if i else "stages.0", parts)
    return names


IN_PLACE = ["relu_shortcut=True", "head_bias=True"]  # both libraries' ReLU works in place
# what is taken: its name, its modules and ours by role, our network file, and the file's words
KNOWN = [
    (
        "mimicry's SN-GAN for 32x32",
        {"gen": mimicry_gen(), "disc": mimicry_disc(["shortcut.1"] * 2 + [None] * 2)},
        "networks/sngan.py",
        ["upsample=bilinear", *IN_PLACE],
    ),
    (
        "mimicry's SN-GAN for 48x48",
        {"gen": mimicry_gen(), "disc": mimicry_disc(["shortcut.1"] * 4 + ["shortcut"])},
        "networks/ssgan48.py",
        ["classes=0"],
    ),
    *(
        (
            f"StudioGAN's SN-GAN for 32x32 {'with' if classes else 'without'} classes",
            {"gen": studiogan_gen(classes), "disc": studiogan_disc(classes)},
            "networks/sngan.py",
            ["gen_eps=1e-4", *IN_PLACE],
        )
        for classes in (False, True)
    ),
]


class Ignored:
    """Stands for an object of a class that a file names and that is not wanted here, a NumPy number say."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        pass


def read(flag, path):
    """(state dict, step or 0) of a file as mimicry, StudioGAN or torch.save(net.state_dict()) write it.

    No code in it is run: objects of unknown classes are left out. Raises MissingError where there is no file,
    UserError where it holds no state dict.
    """
    try:
        read_regular(path)  # says what is wrong with a path
        unknown = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        with torch.serialization.safe_globals([(Ignored, name) for name in unknown]):
            file = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise MissingError(f"{flag}: no file {path}; use a .pth of mimicry or StudioGAN") from None
    except Exception as error:
        raise UserError(
            f"{flag}: {path}: torch cannot read it: {first_line(error)}; use a .pth of mimicry or StudioGAN"
        ) from None
    found = file if isinstance(file, dict) else {}
    state = next((found[key] for key in ("model_state_dict", "state_dict") if key in found), found)
    if not isinstance(state, dict) or not state or not all(map(torch.is_tensor, state.values())):
        raise UserError(f"{flag}: {path} holds no state dict; use a .pth of mimicry or StudioGAN")
    step = next((found[key] for key in ("global_step", "step") if isinstance(found.get(key), int)), 0)
    return {name.removeprefix("module."): value for name, value in state.items()}, step


def modules_of(state):
    """The names of the modules that a state dict has entries of."""
    return {name.rpartition(".")[0] for name in state}


def kind_of(states, files):
    """The entry of KNOWN that state dicts {role: ...} are of. Raises UserError where there is none."""
    for known in KNOWN:
        names = {role: known[1][role.removesuffix("_ema")] for role in states}
        if all(modules_of(state) == names[role].keys() for role, state in states.items()):
            return known
    kinds = "; ".join(kind for kind, *_ in KNOWN)
    raise UserError(f"--gen, --disc: {files['gen']} and {files['disc']} are none of: {kinds}")


def translated(state, names):
    """The state dict under our names."""
    pairs = ((*name.rpartition(".")[::2], value) for name, value in state.items())
    found = {f"{names[module]}.{SPECTRAL.get(leaf, leaf)}": value for module, leaf, value in pairs}
    for name, value in found.items():  # StudioGAN's are linear layers of one-hot classes, and 1 + gain
        if name.endswith((".scale.weight", ".shift.weight")):
            found[name] = value.t() + name.endswith(".scale.weight")
    return found


def words_of(gen, disc):
    """Our words for the widths of a translated pair, z's dimensions, and the images' shape."""
    channels, gen_width = gen["maps.5.weight"].shape[:2]
    first = next(v for n, v in gen.items() if n.startswith("maps.0.residual.2") and n.endswith("weight"))
    pixels, z_dim = len(gen["dense.weight"]) // first.shape[1], gen["dense.weight"].shape[1]
    side = 8 * round(pixels**0.5)
    width = len(disc["stages.0.residual.0.parametrizations.weight.original"])
    return [f"width={width}", f"gen_width={gen_width}"], z_dim, [channels, side, side]


def convert(files, out, more=()):
    """Writes the checkpoint `out` of {"gen": path, "disc": path, "gen_ema": path or ""}; returns what it is
    of.

    more: flags of the launcher for the run that the checkpoint is of, such as --iterator. Raises UserError
    for networks that are not KNOWN, and where `out` exists.
    """
    if os.path.exists(out):
        raise UserError(f"--out: {out} exists; use another path, or move it away")
    found = {role: read(f"--{role}", path) for role, path in files.items() if path}
    states, step = {role: state for role, (state, _) in found.items()}, max(s for _, s in found.values())
    kind, names, network, words = kind_of(states, files)
    states = {role: translated(state, names[role.removesuffix("_ema")]) for role, state in states.items()}
    widths, z_dim, shape = words_of(states["gen"], states["disc"])
    line = ["--iterator=iterators/cifar10.py", "--loss=hinge", *more]
    line += [f"--network={network}", "--network_args", *words, *widths, f"--z_dim={z_dim}"]
    line += [f"--name={os.path.splitext(os.path.basename(out))[0]}", "--cpu"]
    line += ["--ema=0.9999"] if "gen_ema" in states else []
    n_classes = len(states["disc"].get("stages.5.0.table.parametrizations.weight.original", ()))
    line += ["--conditional=projection"] if n_classes else []
    args = flags.parse(line, ("train", *MODES), add_flags)
    args.data_shape, args.n_classes, args.steps_per_epoch, args.total_steps = shape, n_classes, 1, step
    args.schedule_steps = args.schedule_steps or 1
    flags.resolve(args)
    trainer = setup.trainer(args, setup.networks(args))
    for role, state in states.items():
        try:
            getattr(trainer, role).load_state_dict(state)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise UserError(f"--{role}: {files[role]} is not quite {kind}: {reason}") from None
    record = saved_flags.record(args)
    for fact in ("steps_per_epoch", "total_steps"):  # of data that were not looked at
        record.pop(fact)
    state = {"step": step, **trainer.capture(), "means": Means().capture(), "provisional": []}
    checkpoint.save(out, state | {"flags": record})
    return f"{kind}, step {step}, z {z_dim}, images {shape}"


def main(argv=None):
    """The command; returns the exit code."""
    parser = Parser(
        prog="eval.convert",
        description="Makes a checkpoint of SN-GAN's networks of kwotsin/mimicry (32x32, 48x48) or "
        "PyTorch-StudioGAN (32x32). Further flags are those of task_launcher.py, such as --iterator.",
    )
    parser.add_argument("--gen", required=True, metavar="FILE", help="the generator's .pth")
    parser.add_argument("--disc", required=True, metavar="FILE", help="the discriminator's .pth")
    parser.add_argument("--gen_ema", default="", metavar="FILE", help="the averaged generator's, if any")
    parser.add_argument("--out", required=True, metavar="FILE.pt", help="the checkpoint to write")
    args, more = parser.parse_known_args(argv)
    files = {"gen": args.gen, "disc": args.disc, "gen_ema": args.gen_ema}
    print(f"{args.out}: {convert(files, args.out, more)}")
    return 0


if __name__ == "__main__":
    sys.exit(command.run("eval.convert", main))
