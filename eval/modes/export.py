"""--mode=export: the networks of a run as files that need nothing of this project."""

import copy
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import warnings

from torch import nn

from engine import pictures
from engine.errors import UserError
from engine.randomness import seeded
from eval.modes.labels import is_conditional
from losses.packing import pack

EXAMPLES = 16
TOLERANCE = 1e-5  # between an exported program and its network, where loaded elsewhere
ONNX_TOLERANCE = 1e-4

# Loads the program in a Python that cannot see the project (-I, another working folder) and prints the
# largest difference from the examples; then runs one example alone, for the batch size is free.
ELSEWHERE = """
import sys, numpy, torch
program = torch.export.load("model.pt2").module()
examples = numpy.load("examples.npz")
inputs = [torch.from_numpy(examples[name]) for name in sorted(examples) if name.startswith("input")]
wanted = torch.from_numpy(examples["output"])
with torch.no_grad():
    error = (program(*inputs) - wanted).abs().max()
    alone = (program(*[x[:1] for x in inputs]) - wanted[:1]).abs().max()
print(float(max(error, alone)))
"""


def export(trainer, data, run, args):
    """Writes the run's networks, averaged where there is an average, to the folder --out.

    The first that draws images (gen, dec, gen_ab) lies in the folder itself, the others in folders named by
    their role: model.pt2 (torch.export, any batch size), model.safetensors, model.onnx (the last two where
    their packages are installed) and examples.npz (16 inputs, their outputs). model.json and README.md
    describe them. Raises UserError where --out holds files, or a program does not give what its network
    gives.
    """
    out = args.out or os.path.join(run.folder, "export")
    if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
        raise UserError(f"--out: {out} exists; use another folder")
    ((name, state),) = run.states(args.at) if args.at != "all" else ((None, None),)
    if state is None:
        raise UserError("--at=all: --mode=export writes of one checkpoint; use latest, best or a step")
    trainer.restore(state)
    with trainer.evaluating(), seeded(args.seed, "draw", "export"):
        calls = examples(trainer, data, args)
    if not calls:
        raise UserError(f"--mode=export: {args.trainer} has no network that takes one batch")
    made = out + ".tmp"  # whole or not at all
    shutil.rmtree(made, ignore_errors=True)
    os.makedirs(made)
    try:
        about = description(args, run, name, state, trainer.generate is not None)
        for i, (role, (net, inputs, output)) in enumerate(calls.items()):
            folder = made if i == 0 else os.path.join(made, role)
            os.makedirs(folder, exist_ok=True)
            entry = write_network(role, net, inputs, output, folder)
            entry["averaged"] = role in trainer.averaged
            entry["folder"] = "." if i == 0 else role
            about["networks"][role] = entry
        first_output = next(iter(calls.values()))[2]
        if first_output.ndim == 4 and first_output.shape[1] in (1, 3):
            pictures.grid(first_output).save(os.path.join(made, "samples.png"))
        with open(os.path.join(made, "model.json"), "w", encoding="utf8") as file:
            json.dump(about, file, indent=1)
        with open(os.path.join(made, "README.md"), "w", encoding="utf8") as file:
            logged = [r for r in run.metrics.read() if r["step"] <= state["step"]]
            has_picture = os.path.exists(os.path.join(made, "samples.png"))
            file.write(card(about, args, has_picture, dict(logged[-1]) if logged else {}))
        if os.path.isdir(out):
            os.rmdir(out)
        os.replace(made, out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    print(f"{', '.join(about['networks'])} of {run.folder} at step {state['step']}: {out}")
    return 0


def examples(trainer, data, args):
    """{role: (network, inputs, output)} on the CPU, as the trainer's own methods call the networks, 16
    examples each.

    Encoders and translators get held-out images (of the test split, else valid, else train, where that may be
    fewer); discriminators generated or decoded ones.
    """
    import torch

    calls, handles = {}, []

    def listen(role, net):
        def hook(module, inputs, output):
            if role not in calls and torch.is_tensor(output) and all(map(torch.is_tensor, inputs)):
                calls[role] = (module, inputs, output)

        handles.append(net.register_forward_hook(hook))

    roles = [
        role for role in trainer.roles + trainer.optional_roles if getattr(trainer, role, None) is not None
    ]
    for role in roles:
        listen(role, trainer.sampling_net(role))
    try:
        z, told = trainer.noise(EXAMPLES), []
        if is_conditional(trainer):
            told = [torch.arange(EXAMPLES, device=z.device) % args.n_classes]
        drawn = trainer.generate(z, *told) if trainer.generate is not None else None
        if trainer.encode is not None or trainer.to_a is not None:
            x = held_out(data, "x").to(trainer.device)
            code = trainer.encode(x) if trainer.encode is not None else None
            if trainer.decode is not None and code is not None:
                decoded = trainer.decode(code)
                drawn = decoded if drawn is None else drawn
            if trainer.to_b is not None:
                trainer.to_b(x)
                trainer.to_a(held_out(data, "x_b").to(trainer.device))
        if drawn is not None and "disc" in roles and "disc" not in calls:
            disc = trainer.sampling_net("disc")
            shown = pack(drawn, getattr(args, "packing", 1))
            try:
                if told:
                    disc = OfClasses(disc)
                    calls["disc"] = disc, (shown, *told), disc(shown, *told)
                else:
                    disc(shown)
            except (TypeError, ValueError, RuntimeError):  # D of pairs (x, z)
                disc(drawn, z)
        for role, other in (("disc_a", "gen_ba"), ("disc_b", "gen_ab")):
            if role in roles and other in calls:
                trainer.sampling_net(role)(calls[other][2])
    finally:
        for handle in handles:
            handle.remove()
    order = ["gen", "dec", "gen_ab"]
    return {
        role: calls[role] for role in sorted(calls, key=lambda r: (order.index(r) if r in order else 9, r))
    }


class OfClasses(nn.Module):
    """A discriminator that is told classes, as a function of both: D(x, y)."""

    def __init__(self, disc):
        super().__init__()
        self.disc = disc

    def forward(self, x, y):
        """x [N, C, H, W], y int64 [N] -> D's output."""
        return self.disc(x, y=y)


def held_out(data, key):
    """batch[key] of the first 16 examples of the test split, else valid, else train; all of a smaller one."""
    import torch

    split = next(name for name in ("test", "valid", "train") if name in data)
    found, n = [], 0
    for batch in data[split]:
        found.append(batch[key])
        n += len(batch[key])
        if n >= EXAMPLES:
            break
    return torch.cat(found)[:EXAMPLES]


def write_network(role, net, inputs, output, folder):
    """Writes one network's files to `folder`; returns its entry of model.json. Raises UserError where
    the program differs."""
    import numpy as np
    import torch

    net = copy.deepcopy(net).cpu().float().eval().requires_grad_(False)
    inputs = tuple(x.detach().cpu().contiguous() for x in inputs)
    with torch.no_grad():
        output = net(*inputs)
    names = ["input"] if len(inputs) == 1 else [f"input_{i}" for i in range(len(inputs))]
    arrays = {name: x.numpy() for name, x in zip(names, inputs)}
    np.savez(os.path.join(folder, "examples.npz"), **arrays, output=output.contiguous().numpy())
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(net, inputs, dynamic_shapes=free_batch(inputs), strict=False)
            torch.export.save(program, os.path.join(folder, "model.pt2"))
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"--mode=export: torch.export cannot trace {role} with a free batch size "
            f"({type(error).__name__}: {reason}); use tensor.shape[0] for the batch size, not len(tensor)"
        ) from error
    error = try_elsewhere(role, folder)
    entry = {
        "file": "model.pt2",
        "inputs": {name: ["batch", *x.shape[1:]] for name, x in zip(names, inputs)},
        "output": ["batch", *output.shape[1:]],
        "output_range": [-1, 1] if output.ndim == 4 and output.abs().max() <= 1 else None,
        "examples": len(output),
        "parameters": sum(p.numel() for p in net.parameters()),
        "sha256": sha256(os.path.join(folder, "model.pt2")),
        "largest_difference": error,
    }
    write_safetensors(net, folder)
    write_onnx(role, net, inputs, output, names, folder)
    return entry


def free_batch(inputs):
    """The dynamic_shapes of torch.export in which the first dimension of all inputs is one free size."""
    import torch

    return ({0: torch.export.Dim("batch", min=1)},) * len(inputs)


def try_elsewhere(role, folder):
    """The largest difference from examples.npz, in another Python that cannot see the project. Raises
    UserError over 1e-5."""
    with tempfile.TemporaryDirectory() as empty:
        for name in ("model.pt2", "examples.npz"):
            shutil.copyfile(os.path.join(folder, name), os.path.join(empty, name))
        done = subprocess.run(
            [sys.executable, "-I", "-c", ELSEWHERE], cwd=empty, capture_output=True, text=True, check=False
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise UserError(f"--mode=export: the exported {role} does not run outside the project: {last}")
    error = float(done.stdout.split()[-1])
    if not error <= TOLERANCE:
        raise UserError(
            f"--mode=export: the exported {role} differs by {error:.3g} from the network; "
            f"must be at most {TOLERANCE:g}; report this network"
        )
    return error


def write_safetensors(net, folder):
    """model.safetensors: the state dict, under the names of the network file's modules."""
    try:
        from safetensors.torch import save
    except ImportError:
        print("note: no model.safetensors: install safetensors to get it", file=sys.stderr)
        return
    tensors = {name: value.detach().clone().contiguous() for name, value in net.state_dict().items()}
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:  # save_file's is for its owner alone
        file.write(save(tensors))


def write_onnx(role, net, inputs, output, names, folder):
    """model.onnx, tried by onnxruntime; a note on the console where a package is missing or the network
    does not convert."""
    import numpy as np

    try:
        import onnx  # noqa: F401 - torch.onnx needs it
        import onnxruntime
        import onnxscript  # noqa: F401 - torch.onnx needs it
    except ImportError as error:
        print(f"note: no model.onnx: install {error.name} to get it", file=sys.stderr)
        return
    import torch

    for part in net.modules():  # ONNX has no sum over a window, which folded resampling uses
        if hasattr(part, "fold"):
            part.fold = False
    path = os.path.join(folder, "model.onnx")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(net, inputs, dynamic_shapes=free_batch(inputs), strict=False)
            made = torch.onnx.export(
                program, inputs, input_names=names, output_names=["output"], dynamo=True, verbose=False
            )
            made.save(path, external_data=False)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for n in (len(output), 1):
            feed = {given.name: x[:n].numpy() for given, x in zip(session.get_inputs(), inputs)}
            error = np.abs(session.run(None, feed)[0] - output[:n].numpy()).max()
            if not error <= ONNX_TOLERANCE:
                raise ValueError(f"its output differs by {error:.3g}")
    except Exception as error:
        if os.path.exists(path):
            os.remove(path)
        reason = " ".join(str(error).split())[:150]
        print(f"note: no model.onnx of {role}: {type(error).__name__}: {reason}", file=sys.stderr)


def description(args, run, name, state, of_noise):
    """What model.json says of the run; `networks` is still empty.

    of_noise: whether images are drawn from z.
    """
    import torch

    z_distribution = {"normal": "N(0, 1)", "uniform": "U(-1, 1)"}.get(args.z_dist, args.z_dist)
    return {
        "format": 1,
        "run": run.args.name,
        "seed": args.seed,
        "step": state["step"],
        "z_dim": args.z_dim if of_noise else None,
        "z_distribution": z_distribution if of_noise else None,
        "data_shape": list(args.data_shape),
        "data_range": [-1, 1],
        "n_classes": args.n_classes,
        "scores": [r for r in run.results.read() if r["step"] == state["step"]],
        "checkpoint": name,
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "networks": {},
        "flags": state["flags"],
    }


def card(about, args, has_picture, logged):
    """The model card, README.md: what it is, how to load it, data, scores, flags, losses.

    logged: the record of metrics.jsonl at the checkpoint's step or before it, {} where there is none.
    """
    first = next(iter(about["networks"].values()))
    z = about["z_distribution"]
    sizes = ", ".join(
        f"torch.arange(16) % {about['n_classes']}"
        if len(shape) == 1
        else f"torch.rand(16, {', '.join(map(str, shape[1:]))}) * 2 - 1"
        if z == "U(-1, 1)" or shape[1:] == about["data_shape"]
        else f"torch.randn(16, {', '.join(map(str, shape[1:]))})"
        for shape in first["inputs"].values()
    )
    lines = [f"# {about['run']}, seed {about['seed']}, step {about['step']}", ""]
    lines += ["![samples](samples.png)", ""] if has_picture else []
    lines += [
        "```python",
        "import torch",
        "",
        'net = torch.export.load("model.pt2").module()',
        f"out = net({sizes})",
        "```",
        "",
        f"Images are float32 in [-1, 1]{f', z is drawn from {z}' if z else ''}. The batch size is free.",
        f"`examples.npz` holds {first['examples']} inputs and their outputs. `model.safetensors` has the",
        "weights, `model.onnx` is the same network, where they are present. `model.json` says all this to",
        "programs.",
        "",
        "| network | folder | inputs | output | parameters | averaged |",
        "|---|---|---|---|---|---|",
    ]
    for role, n in about["networks"].items():
        shapes = "; ".join(map(by, n["inputs"].values()))
        lines.append(
            f"| {role} | `{n['folder']}` | {shapes} | {by(n['output'])} | {n['parameters']:,} | "
            f"{'yes' if n['averaged'] else 'no'} |"
        )
    lines += [
        "",
        f"Data: `{args.iterator}`, {by(args.data_shape)}, {args.n_classes} classes"
        + (f", sha256 `{about['flags']['data_digest']}`." if about["flags"].get("data_digest") else "."),
        "",
        f"Network: `{args.network}`. Trainer: `{args.trainer}`.",
        "",
        "## Scores",
        "",
    ]
    if about["scores"]:
        lines += ["| score | value | protocol | extractor |", "|---|---|---|---|"]
        lines += [
            f"| {r.get('name')} | {r.get('value')} | {r.get('protocol', '')} | {r.get('extractor', '')} |"
            for r in about["scores"]
        ]
    else:
        lines.append("This step was not evaluated.")
    lines += [
        "",
        "## Training",
        "",
        f"{about['step']:,} steps with these flags; all others had their defaults.",
        "",
    ]
    lines += [f"    {word}" for word in words(about["flags"], args)]
    if logged:
        lines += ["", f"Means logged at step {logged.pop('step')}:", "", "| term | mean |", "|---|---|"]
        lines += [f"| {name} | {value:.6g} |" for name, value in logged.items()]
    return "\n".join(lines) + "\n"


def by(shape):
    """A shape in words: batch × 62."""
    return " × ".join(map(str, shape))


def words(trained, args):
    """The flags of a run that changed what was computed, where they differ from the defaults: a word each."""
    found = []
    for name, value in sorted(trained.items()):
        action = args.declared.get(name)
        if action is None or not action.changes_run or value == args.untouched[name] or value in (None, ""):
            continue
        if action.planned and trained.get(action.planned.where) not in action.planned.values:
            continue
        if isinstance(value, dict):
            value = " ".join(f"{key}={each}" for key, each in value.items())
        elif isinstance(value, list):
            value = " ".join(map(str, value))
        found.append(f"--{name}" if value is True else f"--{name}={value}")
    return found


def sha256(path):
    """The hexadecimal digest of a file."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


MODES = {"export": export}
