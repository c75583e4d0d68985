"""A trained run from Python: load("results/quickstart/s0").generate(16, seed=3)."""

import os

import torch

from engine import flags, setup
from engine.errors import MissingError, UserError
from engine.randomness import seeded
from engine.record import Metrics
from engine.run import RunDirectory
from eval.modes import MODES, add_flags
from eval.modes.labels import is_conditional
from iterators.common import wrap


class Run:
    """A trained run: its networks in evaluation mode, and what its folder says.

    args: its flags; step: of the loaded checkpoint; nets: {role: module}, the averaged network where there is
    one; trainer: the Trainer, for what else its algorithm offers (encode, decode, to_a, to_b); data: {split:
    DataIterator}, read from disk when first looked into.
    """

    def __init__(self, args, step, trainer, data, folder):
        self.args, self.step, self.trainer, self.data, self.folder = args, step, trainer, data, folder

    @property
    def nets(self):
        """{role: module}: the averaged network where there is one."""
        roles = self.trainer.roles + self.trainer.optional_roles
        return {
            role: self.trainer.sampling_net(role)
            for role in roles
            if getattr(self.trainer, role, None) is not None
        }

    def generate(self, n, seed=0, labels=None):
        """n samples [n, C, H, W] in [-1, 1], on the CPU; the same for the same n and seed.

        labels: the classes of a conditional generator's, n of them, or one for all; by default drawn. Raises
        UserError for a run whose trainer draws no samples of noise, and for labels of one without classes.
        """
        if self.trainer.generate is None:
            raise UserError(f"generate: {self.args.trainer} makes no images of noise; use run.trainer.decode")
        with torch.no_grad(), seeded(seed, "draw", 0):
            if labels is None:
                return self.trainer.sample(n).cpu()
            if not is_conditional(self.trainer):
                raise UserError("generate: labels of a run without --conditional; leave them out")
            y = torch.as_tensor(labels, device=self.trainer.device).expand(n)
            return self.trainer.generate(self.trainer.noise(n), y).cpu()

    def metrics(self):
        """What was logged in training, as columns: {"step": [...], name: [...]}, None where a name was
        not logged."""
        records = Metrics(os.path.join(self.folder, "metrics.jsonl")).read()
        names = dict.fromkeys(name for record in records for name in record)
        return {name: [record.get(name) for record in records] for name in names}


def load(path, at="latest", device="cpu", **given):
    """The Run in results/<name>/s<seed> as of a checkpoint, at "latest", "best" or a step; or of the
    checkpoint in the file `path`, which need not lie in a run's folder.

    given: flags, as on the command line, such as network="mine/net.py" for a file that has moved. Raises
    MissingError where there is no run, no such checkpoint or a file is gone.
    """
    path = os.fspath(path)
    words = [f"--resume={path}"] if os.path.isfile(path) else words_of(path)
    words += ["--mode=sample", f"--at={at}", f"--device={device}"]
    words += [f"--{name}={value}" for name, value in given.items()]
    args = flags.parse(words, ("train", *MODES), add_flags)
    chosen = setup.device(args)
    trainer = setup.trainer(args, setup.networks(args))
    trainer.to(chosen, memory_format=torch.channels_last)
    step = RunDirectory(args).restore(trainer)
    trainer.eval()
    return Run(args, step, trainer, setup.data(args, chosen, wrap), args.folder)


def words_of(folder):
    """The flags that name the run in a folder. Raises MissingError where there is none."""
    folder = os.path.abspath(folder)
    parent, leaf = os.path.split(folder)
    seed = leaf.removeprefix("s")
    is_run = os.path.isfile(os.path.join(folder, "flags.json")) and leaf.startswith("s") and seed.isdigit()
    if not is_run:
        raise MissingError(f"load: no run in {folder}; use results/<name>/s<seed>, or a checkpoint's file")
    save_path, name = os.path.split(parent)
    return [f"--save_path={save_path}", f"--name={name}", f"--seed={seed}"]
