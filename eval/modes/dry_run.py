"""--dry_run: what a command would train, measured by three steps of it. Writes nothing to --save_path."""

import io
import math
import os
import shutil
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine import checkpoint, distributed, pictures
from engine.errors import UserError
from engine.randomness import seed_step, seeded
from engine.record import Means, duration, encoded
from eval.modes import points
from eval.modes.data import described

TIMED = 3  # steps
PARTS = 24  # of a network that are listed, at most


def show(trainer, data, run, args):
    """Prints data, networks, memory, the time of a step and of the run, and its disk space. Returns 0.

    The steps are real: batches of the data, forward and backward passes, updates. Nothing is saved.
    """
    say(["data", *about_data(data, args)])
    say(["networks", *about_networks(trainer, args)])
    run.check_init(trainer)
    trainer.train()
    run.initialise(trainer, next(data["train"].from_step(0)))
    seconds, waited, batch, means = timed_steps(trainer, data["train"], args)
    say(["memory", *about_memory(trainer)])
    say(["run", *about_run(trainer, data, run, args, seconds, waited, batch, means)])
    return 0


def say(lines):
    """Prints a heading and the lines below it, in process 0 only."""
    if distributed.rank() == 0:
        print("\n  ".join(lines), flush=True)


def about_data(data, args):
    """Lines on the splits and their digest."""
    found = [line for split, iterator in data.items() for line in described(split, iterator)]
    return [*found, *([f"sha256 {args.data_digest}"] if args.data_digest else [])]


# --- networks


class Passes:
    """What passed through modules: {module: (shapes of inputs, shape of output, multiply-adds)} of the first
    pass through each, while the object is a context."""

    def __init__(self, modules):
        self.modules, self.found, self.starts, self.hooks = modules, {}, {}, []
        self.counter = FlopCounterMode(display=False)

    def __enter__(self):
        self.counter.__enter__()
        for module in self.modules:
            self.hooks.append(module.register_forward_pre_hook(self.before))
            self.hooks.append(module.register_forward_hook(self.after))
        return self

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()
        self.counter.__exit__(*error)

    def before(self, module, inputs):
        """Notes how much had been counted when a pass begins."""
        self.starts[module] = self.counter.get_total_flops()

    def after(self, module, inputs, output):
        """Notes the shapes of a pass that ends, and what it has added."""
        added = (self.counter.get_total_flops() - self.starts[module]) / 2  # a multiply-add is two operations
        shapes = [list(x.shape) for x in inputs if torch.is_tensor(x)]
        found = list(output.shape) if torch.is_tensor(output) else None
        self.found.setdefault(module, (shapes, found, added))


def about_networks(trainer, args):
    """Lines on each network: shapes of one example, parameters, multiply-adds of a forward pass of one
    example, and the same of its parts. Multiply-adds are those of convolutions and matrix products."""
    roles = [
        role for role in (*trainer.roles, *trainer.optional_roles) if getattr(trainer, role, None) is not None
    ]
    nets = {role: getattr(trainer, role) for role in roles}
    parts = {role: list(net.named_children())[:PARTS] for role, net in nets.items()}
    watched = {m for net in nets.values() for m in net.modules()}
    with trainer.evaluating(), seeded("dry_run"), Passes(watched) as passes:
        x = torch.rand(2, *args.data_shape, device=trainer.device) * 2 - 1
        for check in trainer.checks(x):
            check.call()
    rows = [("role", "", "input", "output", "parameters", "multiply-adds")]
    for role, net in nets.items():
        rows.append(row(role, net, passes.found))
        if len(parts[role]) > 1:
            rows += [row(f"  {name}", part, passes.found) for name, part in parts[role]]
    widths = [max(len(line[k]) for line in rows) for k in range(6)]
    right = (4, 5)
    lines = [
        "  ".join(
            cell.rjust(w) if k in right else cell.ljust(w) for k, (cell, w) in enumerate(zip(line, widths))
        )
        for line in rows
    ]
    owned = [
        f"{name}: {', '.join(role for role in roles if any(nets[role] is m for m in modules))}"
        for name, modules in trainer.owned.items()
    ]
    averages = [f"{role} (decay {decay:g})" for role, decay in trainer.averaged.items()]
    lines.append(f"of {args.network} for {args.trainer}; optimisers of {'; '.join(owned)}")
    if averages:
        lines.append(f"averaged: {', '.join(averages)}")
    return lines


def row(name, module, found):
    """Cells of a table: name, class, shapes of one example in and out, parameters, multiply-adds."""
    shapes, output, added = found.get(module, ((), None, None))
    one = lambda shape: str(shape[1:]) if shape[1:] else "[]"
    return (
        name,
        type(module).__name__,
        ", ".join(map(one, shapes)),
        one(output) if output is not None else "",
        f"{sum(p.numel() for p in module.parameters()):,}",
        "" if added is None else f"{added / 2:,.0f}",  # two examples passed
    )


# --- steps


def timed_steps(trainer, stream, args):
    """(seconds a step, its part waiting for data, the last batch, the means of the terms) of TIMED steps,
    after one that is not timed.

    With --update_g_every above TIMED the step that updates G counts for its share of all steps.
    """
    every = max(1, getattr(args, "update_g_every", 1))
    batches, means, times, waits = stream.from_step(0), Means(), [], []
    for i in range(TIMED + 1):
        step = max(0, i - 1)  # the first is done twice: it allocates, compiles, starts workers
        asked = time.monotonic()
        batch = next(batches)
        waits.append(time.monotonic() - asked)
        seed_step(args.seed, step, distributed.rank())
        trainer.on_step_start(step, stream.share(step))
        means.add(trainer.step(batch, step))
        if distributed.world_size() > 1:
            distributed.broadcast(trainer.shared_buffers())
        finish(trainer.device)
        times.append(time.monotonic() - asked)
    means.read()
    times, waits = times[1:], waits[1:]
    shares = (
        [1 / every] + [(1 - 1 / every) / (TIMED - 1)] * (TIMED - 1) if every >= TIMED else [1 / TIMED] * TIMED
    )
    total = lambda values: sum(share * value for share, value in zip(shares, values))
    return total(times), total(waits), batch, means


def finish(device):
    """Waits until the device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize()


def about_memory(trainer):
    """Lines on what is held between steps, and on the most that the steps took."""
    modules = {id(t): t for t in (*trainer.parameters(), *trainer.buffers())}
    moments = [
        t for o in trainer.optims.values() for s in o.state.values() for t in s.values() if torch.is_tensor(t)
    ]
    lines = [
        f"networks, averages and buffers {size(held(modules.values()))}, Adam's moments {size(held(moments))}"
    ]
    if trainer.device.type == "cuda":
        lines.append(f"on the device, at most: {size(torch.cuda.max_memory_allocated())}")
    elif peak() is not None:
        lines.append(f"the whole process, at most: {size(peak())}")
    return lines


def held(tensors):
    """Bytes of tensors."""
    return sum(t.numel() * t.element_size() for t in tensors)


def peak():
    """The most bytes of memory that this process has had; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def size(n):
    """Bytes as a text, as in 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.3g} {unit}" if n < 100 else f"{n:,.0f} {unit}"
        n /= 1000


# --- the whole run


def about_run(trainer, data, run, args, seconds, waited, batch, means):
    """Lines on the folder, the steps and their time, and disk space."""
    total, epoch = args.total_steps, args.steps_per_epoch
    with trainer.evaluating(), seeded(args.seed, "samples"):
        began = time.monotonic()
        drawn = picture_bytes(trainer, data, args, batch)
        draw_seconds = time.monotonic() - began
    state = {"step": 0, **trainer.capture(), "means": means.capture(), "provisional": [], "flags": {}}
    buffer = io.BytesIO()
    began = time.monotonic()
    torch.save(state, buffer)
    save_seconds = time.monotonic() - began
    saves = multiples(total, epoch * args.save_every, args.save_every_steps)
    kept = kept_checkpoints(saves, args)
    pictures_made = multiples(total, epoch * args.save_images_every)
    record = len(encoded({"step": total} | means.read()))
    disk = {
        f"checkpoints {len(kept)} of {size(buffer.tell())}": len(kept) * buffer.tell(),
        f"sets of pictures {len(pictures_made)} of {size(drawn)}": len(pictures_made) * drawn,
        f"records {math.ceil(total / args.log_every):,} of {size(record)}": math.ceil(total / args.log_every)
        * record,
    }
    own = checkpoint.steps(run.checkpoints)
    whole = total * seconds + len(saves) * save_seconds + len(pictures_made) * draw_seconds
    where = args.device if args.device != "auto" else trainer.device.type
    speed = f"{seconds:.3g} s a step on {where}, {waited:.2g} s of it waiting for data ({TIMED} steps)"
    lines = [
        f"folder {run.folder}" + (f", which has checkpoints up to step {own[0]}" if own else ""),
        f"steps {total:,}, epochs {total / epoch:.4g} of {epoch:,} steps, batches of {args.batch_size}",
        speed,
        f"time for all steps {duration(whole)}, by these three",
        f"disk {size(sum(disk.values()))}: {', '.join(disk)}",
    ]
    free = shutil.disk_usage(existing(run.folder)).free
    lines[-1] += f"; free: {size(free)}"
    if sum(disk.values()) > free:
        lines.append("warning: more than is free; use --keep_last")
    if args.save_minutes:
        lines.append("checkpoints of --save_minutes are not among these")
    if args.eval_every:
        lines.append(
            f"evaluations {total // (args.eval_every * epoch):,}, which take more time: not tried here"
        )
    return lines


def picture_bytes(trainer, data, args, batch):
    """Bytes of the pictures of one step; 0 where the trainer has none."""
    if points.are(args.data_shape):
        made = [points.Points(data, args).picture(trainer, 0)]
    else:
        try:
            made = [pictures.grid(images) for images in trainer.pictures(batch).values()]
        except UserError:  # it has nothing to draw
            made = []
    files = [io.BytesIO() for _ in made]
    for picture, file in zip(made, files):
        picture.save(file, "png")
    return sum(file.tell() for file in files)


def multiples(total, *intervals):
    """The steps up to `total` at which something is due: multiples of the intervals (0: never), and the
    end."""
    return sorted({total, *(step for every in intervals if every for step in range(every, total + 1, every))})


def kept_checkpoints(saves, args):
    """Those of the steps that --keep_last and --keep_every leave."""
    if not args.keep_last:
        return saves
    newest = saves[-args.keep_last :]
    return [s for s in saves if s in newest or args.keep_every and s % args.keep_every == 0]


def existing(folder):
    """The nearest folder above that there is."""
    folder = os.path.abspath(folder)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder
