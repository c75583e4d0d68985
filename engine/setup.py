"""From flags to a device, data and networks, for the launcher."""

import functools
import inspect
import os
from collections.abc import Mapping

import torch

from engine import data_digest, distributed, flags, memory, saved_flags
from engine.errors import UserError
from engine.load import call, load_file, located
from engine.randomness import seed_all
from engine.torch_private import bf16_on_cpu


def device(args):
    """Joins the other processes, sets memory, threads and determinism; returns the device."""
    memory.keep_freed()
    if args.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
        torch.use_deterministic_algorithms(True)
    most = 16 * (os.cpu_count() or 1)
    if args.threads > most:
        raise UserError(
            f"--threads: given {args.threads}; must be at most {most}, 16 for each of this machine's "
            "processors"
        )
    if args.threads:
        torch.set_num_threads(args.threads)
    chosen = distributed.start(args.device)
    check_precision(args, chosen)
    torch.backends.cudnn.benchmark = chosen.type == "cuda" and not args.deterministic
    return chosen


def check_precision(args, device):
    """Raises UserError for an --amp that the device has no arithmetic for. Training alone uses it: samples
    and scores are float32."""
    if args.amp == "off" or args.mode != "train":
        return
    bf16 = bf16_on_cpu()
    if device.type == "cuda":
        if args.amp == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise UserError("--amp: given bf16, which this GPU emulates; use fp16")
    elif device.type == "cpu" and (args.amp == "fp16" or not bf16):
        raise UserError(
            f"--amp: given {args.amp}, which this processor "
            f"{'has no training for' if args.amp == 'fp16' else 'emulates'}; use "
            f"{'bf16 or off' if bf16 else 'off'}"
        )


def compile(trainer):
    """torch.compile, in place, for the networks that it suits; a note says what it leaves out, and why.

    Raises UserError if it suits none.
    """
    compiled, left = [], []
    nets = {role: getattr(trainer, role, None) for role in trainer.roles + trainer.optional_roles}
    for role, net in nets.items():
        if net is None:
            continue
        if role in trainer.twice_differentiated:
            left.append(
                f"{role} (its loss needs second derivatives, or hooks, which compiled code does not have)"
            )
        else:
            compile_net(net)
            compiled.append(role)
    if not compiled:
        raise UserError(f"--compile: suits no network here: {'; '.join(left)}; leave it out")
    trainer.notes.append(f"compiled: {', '.join(compiled)}" + (f"; not: {', '.join(left)}" if left else ""))


def compile_net(net):
    """torch.compile of a network's forward, in place.

    Spectral norms are shared over a step and change their buffers: W / sigma is computed before the compiled
    part, which takes it as one of its inputs.
    """
    norms = [
        (part.parametrizations.weight.original, norm)
        for part in net.modules()
        if hasattr(part, "parametrizations")
        for norm in part.parametrizations.weight
        if hasattr(norm, "refresh")
    ]
    compiled = torch.compile(net.forward)

    def forward(*args, **kwargs):
        try:
            for weight, norm in norms:
                norm.given = norm(weight)
            return compiled(*args, **kwargs)
        finally:
            for _, norm in norms:
                norm.given = None

    net.forward = forward


class Data(Mapping):
    """{"train": DataIterator, ...}, made by make() when it is first looked into: a mode that needs no data
    loads none."""

    def __init__(self, make):
        self.make = make

    @functools.cached_property
    def splits(self):
        """The iterators by the names of their splits."""
        return self.make()

    def __getitem__(self, name):
        return self.splits[name]

    def __iter__(self):
        return iter(self.splits)

    def __len__(self):
        return len(self.splits)


def data(args, device, wrap):
    """{"train": DataIterator, ...} of the iterator file on `device`, as a Data.

    wrap(given, batch_size, seed): makes that dict of what older iterator files return.
    """

    def make():
        file = load_file(located(args.iterator), "--iterator", "get_iterators")
        offered = {"batch_size": args.batch_size, "seed": args.seed, "num_workers": args.num_workers}
        given = call(file.get_iterators, offered, args.iterator_args, "--iterator_args")
        splits = wrap(given, args.batch_size, args.seed)
        for iterator in splits.values():
            iterator.to(device)
        return splits

    return Data(make)


def resolve(args, data):
    """Notes in the flags what the data say and what follows from it, completes and freezes them
    (flags.resolve)."""
    train = data["train"]
    args.data_shape, args.n_classes = list(train.data_shape), train.n_classes
    if hasattr(train, "data_shape_b"):  # data of two domains
        args.data_shape_b = list(train.data_shape_b)
    args.steps_per_epoch = len(train)
    args.data_digest = distributed.on_rank0(lambda: data_digest.of(data))
    args.file_digests = saved_flags.digests(vars(args))
    args.total_steps = args.max_steps or args.epochs * len(train)
    args.schedule_steps = args.schedule_steps or max(args.total_steps, 1)
    flags.resolve(args)


def networks(args):
    """{role: module} of the network file for data of args.data_shape; the same initial weights in every
    process."""
    file = load_file(located(args.network), "--network", "get_network")
    offered = {"data_shape": tuple(args.data_shape), "n_classes": args.n_classes, "z_dim": args.z_dim}
    if hasattr(args, "data_shape_b"):
        offered["data_shape_b"] = tuple(args.data_shape_b)
    offer_conditional(args, file.get_network, offered)

    def made(offered):
        seed_all(args.seed, "weights")
        nets = call(file.get_network, offered, args.network_args, "--network_args")
        return (
            dict(zip(("gen", "disc"), nets)) if isinstance(nets, (tuple, list)) and len(nets) == 2 else nets
        )

    try:
        nets = made(offered)
        if getattr(args, "packing", 1) > 1:  # D judges packs along the channels
            channels, *size = args.data_shape
            packs = offered | {"data_shape": (channels * args.packing, *size)}
            nets = {**nets, "disc": made(packs)["disc"]}
    except ValueError as error:
        raise UserError(f"--network: {args.network}: {error}") from error
    except (TypeError, RuntimeError, IndexError, ZeroDivisionError) as error:
        if not args.network_args:
            raise
        raise UserError(
            f"--network_args: {args.network} fails with them ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); use other values; --traceback shows where"
        ) from error
    if not isinstance(nets, dict) or not all(isinstance(net, torch.nn.Module) for net in nets.values()):
        raise UserError(
            f"--network: get_network of {args.network} gives {type(nets).__name__}; "
            "it must return a dict of modules by role, or a pair (gen, disc)"
        )
    return nets


def freeze(nets, args):
    """Leaves the first --freeze_d stages of each discriminator (disc...) out of training: FreezeD, Mo et al.
    2020.

    Their buffers move on: spectral norms' vectors, batch norms' statistics. Raises UserError where there are
    no such stages, or nothing would be left to train.
    """
    k, given = args.freeze_d, f"--freeze_d: given {args.freeze_d}, "
    discs = {role: net for role, net in nets.items() if role.startswith("disc")}
    if k and not discs:
        raise UserError(f"{given}{args.network} has no discriminator; leave it out")
    for role, disc in discs.items() if k else ():
        stages = list(getattr(disc, "stages", ()))
        most = max((i for i, stage in enumerate(stages) if list(stage.parameters())), default=0)
        if not stages:
            raise UserError(f"{given}{role} of {args.network} has no stages; use a networks.layers.Staged")
        if k > most:
            raise UserError(
                f"{given}{role} of {args.network} has {len(stages)} stages; must be at most {most}, so that "
                "one with weights is trained"
            )
        for stage in stages[:k]:
            stage.requires_grad_(False)


def offer_conditional(args, get_network, offered):
    """Adds --conditional to what get_network is offered; other runs' network files need not know of it.

    Raises UserError for one that does not name it, and for data without labels.
    """
    conditional = getattr(args, "conditional", "none")
    if conditional == "none":
        return
    if not args.n_classes:
        raise UserError(f"--conditional={conditional}: {args.iterator} gives no labels; use data with labels")
    if "conditional" in args.network_args:
        raise UserError("--network_args: given conditional=...; leave it out, --conditional says it")
    if "conditional" not in inspect.signature(get_network).parameters:
        raise UserError(
            f"--conditional={conditional}: get_network of {args.network} does not take conditional=...; use "
            "networks/small.py, dcgan.py or sngan.py, or add it"
        )
    offered["conditional"] = conditional


def trainer(args, nets):
    """What get_trainer of the trainer file makes of the networks. Raises UserError for a shared flag that it
    has no use for."""
    freeze(nets, args)
    made = load_file(located(args.trainer), "--trainer", "get_trainer").get_trainer(nets, args)
    if args.disc_lr and not any(name.startswith("disc") for name in made.optims):
        raise UserError(
            f"--disc_lr: given {args.disc_lr:g}, {args.trainer} trains no discriminator; use --lr alone"
        )
    if args.accumulate > 1 and args.mode == "train":
        made.check_accumulate()
    return made
