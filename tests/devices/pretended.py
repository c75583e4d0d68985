"""Runs trainers on tensors that claim to live on an accelerator: no such device is needed.

Torch's fake tensors carry shapes and devices, not values, and torch's Python back end lends a device name
that autograd accepts. So mixing devices raises FakeTensorDeviceMismatchError, and reading a value on the host
(.item(), int(), if tensor) raises DataDependentOutputException. Copies between host and device and the
operators of each step are recorded here. A scalar tensor of the host may be mixed with the device's, as on
a GPU, where it costs a copy: it is counted as one. --amp is left out: such a back end has no autocast.

    python -m tests.devices.pretended < CASES

CASES are arguments of run() as JSON, a case a line; what comes out is its result as JSON, a line each. The
device name belongs to the whole process, so tests run this as a process of its own.
"""

import collections
import contextlib
import json
import os
import sys
import traceback
import types

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode

import losses.mixing
from benchmarks.common import ROOT
from engine import flags, randomness, setup
from engine.record import Means
from eval.metrics.inception_score import Score
from eval.metrics.statistics import Moments
from eval.modes import MODES
from iterators.common import dequantised, random_flip, wrap
from iterators.unpaired_images import crops

NAME = "pretended"
PURE_VIEWS = {"detach", "alias", "lift_fresh"}


def register():
    """Gives this process the device name."""
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    module = getattr(torch, NAME, None) or types.ModuleType(NAME)
    module.get_amp_supported_dtype = lambda: [torch.bfloat16]  # asked by torch.autocast(enabled=False)
    if not hasattr(torch, NAME):
        torch._register_device_module(NAME, module)
    return torch.device(NAME, 0)


def place(stack):
    """file:line of the innermost frame of the project's own code. A virtual environment may lie in the
    project's folder."""
    others = ("/tests/devices/", "/site-packages/")
    found = [f for f in stack if f.filename.startswith(ROOT) and not any(o in f.filename for o in others)]
    return f"{os.path.relpath(found[-1].filename, ROOT)}:{found[-1].lineno} {found[-1].name}" if found else ""


class Recorder(TorchDispatchMode):
    """The copies between host and device, by place, and the operators, with what they are given."""

    def __init__(self):
        super().__init__()
        self.copies, self.operators = collections.Counter(), []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        given, made = (
            [t for t in pytree.tree_leaves(tree) if torch.is_tensor(t)] for tree in ((args, kwargs), out)
        )
        kinds = {t.device.type for t in (*given, *made)}
        if len(kinds) > 1:
            at = place(traceback.extract_stack())
            if not at.endswith((" capture", " restore")):  # a checkpoint holds private buffers on the host
                self.copies[f"{function} {' and '.join(sorted(kinds))} at {at}"] += 1
        if NAME in kinds and function._overloadpacket.__name__ not in PURE_VIEWS:
            # the one value that a schedule may change
            if function._overloadpacket.__name__ == "_fused_adam_":
                kwargs = kwargs | {"lr": None}
            self.operators.append(
                f"{function} {[describe(leaf) for leaf in pytree.tree_leaves((args, kwargs))]}"
            )
        return out


def describe(leaf):
    """A tensor by its type and shape, any other argument by its value."""
    return f"{str(leaf.dtype)[6:]}{list(leaf.shape)}" if torch.is_tensor(leaf) else str(leaf)


def pretend(trainer, batch, device):
    """Gives the trainer's tensors, and a batch, the pretended device; to be called inside FakeTensorMode.

    Returns (the batch, tensors that are no parameter, buffer or optimiser's).
    """
    table, loose = {}, []

    def fake(t):
        if id(t) not in table:
            new = torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=device)
            if isinstance(t, torch.nn.Parameter):
                new = torch.nn.Parameter(new, requires_grad=t.requires_grad)
            table[id(t)] = new, t
        return table[id(t)][0]

    for part in trainer.modules():
        for named in (part._parameters, part._buffers):
            named.update({k: fake(t) for k, t in named.items() if t is not None})
        loose += [f"{type(part).__name__}.{k}" for k, v in vars(part).items() if torch.is_tensor(v)]
    for optimiser in trainer.optims.values():
        for group in optimiser.param_groups:
            group["params"] = [fake(p) for p in group["params"]]
    batch = {
        k: torch.empty_strided(v.shape, v.stride(), dtype=v.dtype, device=device) if torch.is_tensor(v) else v
        for k, v in batch.items()
    }
    return batch, loose


# What a test puts into the end of a step, to see that it is found
PATCHES = {
    "item": lambda trainer, log: next(iter(log.values())).item(),
    "host tensor": lambda trainer, log: trainer.bad_steps + torch.zeros(1),
    "host scalar": lambda trainer, log: trainer.bad_steps + torch.zeros(()),
    "if": lambda trainer, log: bool(trainer.bad_steps[0] > 0),
    "copy": lambda trainer, log: torch.zeros(3).to(trainer.device),
    "growing": lambda trainer, log: torch.zeros(trainer.grown, device=trainer.device),
}


def made(argv):
    """(args, trainer, a batch) of a command line of the launcher."""
    args = flags.parse(argv, ("train", *MODES))
    data = setup.data(args, torch.device("cpu"), wrap)
    setup.resolve(args, data)
    batch = next(data["train"].from_step(0))
    trainer = setup.trainer(args, setup.networks(args))
    trainer.to(memory_format=torch.channels_last)
    return args, trainer, batch


def run(words, device, patch=None, rounds=1):
    """What the steps of a run do.

    Returns copies in and outside steps, by place; tensors that are no buffer ("loose"); terms of the log that
    are not on the device ("elsewhere"); how two steps of one kind differ, and how many were compared. words:
    of the launcher; patch: of PATCHES; rounds: of two steps of each kind. Raises what torch raises for mixed
    devices and for a read.
    """
    args, trainer, batch = made(words)
    if getattr(args, "update_g_every", 1) > 2:
        args, trainer, batch = made([*words, "--update_g_every=2"])  # steps of either kind sooner
    period = getattr(args, "update_g_every", 1)
    trainer.grown, layers = 0, []

    # the project draws the layer on the host, on purpose; here the host's tensors are fake too
    def pick(choices):
        if not choices:
            return 0
        layers.append(choices[-1 - (step - 1) // (2 * period) % len(choices)])
        return layers[-1]

    # torch has no generator of a pretended device
    none = replaced_everywhere("generator", randomness.generator, lambda *words, device="cpu": None)
    drawn = replaced_everywhere("pick", losses.mixing.pick, pick)
    with none, drawn, FakeTensorMode(allow_non_fake_inputs=False):
        batch, loose = pretend(trainer, batch, device)
        trainer.train()
        with Recorder() as outside:
            trainer.initialise(batch)
        recorder, kinds, means = Recorder(), {}, Means()
        with recorder:
            for step in range(2 * period * rounds + 1):
                recorder.operators, layers[:] = [], []
                trainer.on_step_start(step, 1.0)
                trainer.grown = step + 1
                log = trainer.step(batch, step)
                if patch:
                    PATCHES[patch](trainer, log)
                means.add(log)
                if step:  # the first step makes what later ones keep: the optimisers' state
                    kind = f"due {step % period == 0}, layers {layers}"
                    kinds.setdefault(kind, []).append(list(recorder.operators))
        elsewhere = [k for k, v in log.items() if torch.is_tensor(v) and v.device.type != NAME]
        with outside:
            between_steps(trainer)
    differing = {}
    for kind, sequences in kinds.items():
        first = sequences[0]
        for other in sequences[1:]:
            if other != first:
                at = next(
                    (i for i, pair in enumerate(zip(first, other)) if pair[0] != pair[1]),
                    min(len(first), len(other)),
                )
                differing[kind] = f"{first[at : at + 1]}"[:200] + f" {other[at : at + 1]}"[:200]
    return {
        "copies": dict(recorder.copies),
        "loose": loose,
        "elsewhere": elsewhere,
        "differing": differing,
        "compared": sum(len(sequences) - 1 for sequences in kinds.values()),
        "outside": dict(outside.copies),
    }


def between_steps(trainer):
    """Samples or reconstructions, the averages, and a captured state restored."""
    with trainer.evaluating():
        if trainer.generate is not None:
            images = trainer.sample(4)
            assert images.device.type == NAME and images.shape[0] == 4
        for role in trainer.averaged:
            assert all(p.device.type == NAME for p in trainer.sampling_net(role).parameters())
    trainer.restore(trainer.capture())


@contextlib.contextmanager
def replaced_everywhere(name, old, new):
    """Inside the block `new` stands for the function `old` in every module that has it as `name`."""
    holders = [m for m in list(sys.modules.values()) if getattr(m, name, None) is old]
    for module in holders:
        setattr(module, name, new)
    try:
        yield
    finally:
        for module in holders:
            setattr(module, name, old)


def parts(device):
    """{"copies": ...} of what runs beside trainers: augmentation and the statistics of --mode=evaluate."""
    with FakeTensorMode(allow_non_fake_inputs=False), Recorder() as recorder:
        x = torch.empty(6, 3, 8, 8, device=device)
        draws = None  # a generator of the device: torch has none for a pretended one
        for augment in (random_flip, dequantised, crops(4, flip=True)):
            assert augment(x, draws).device.type == NAME
        features, logits = torch.empty(6, 5, device=device), torch.empty(6, 10, device=device)
        moments, score = Moments(5, device), Score(2, 10, device)
        moments.add(features)
        moments.covariance()
        score.add(logits, torch.empty(6, dtype=torch.int64, device=device))
        for kept in (moments.mean, moments.scatter, score.p, score.n):
            assert kept.device.type == NAME
    return {"copies": dict(recorder.copies)}


def main():
    """Reads cases, writes results."""
    os.chdir(ROOT)
    torch.set_num_threads(1)
    device = register()
    for line in sys.stdin:
        case = json.loads(line)
        try:
            result = parts(device) if case["words"] is None else run(**case, device=device)
        except Exception as error:
            text = " ".join(str(error).split())
            result = {
                "error": type(error).__name__,
                "text": text[:300],
                "at": place(traceback.extract_tb(error.__traceback__)),
            }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
