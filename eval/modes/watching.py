"""--health: every so often in training, a look at the networks that leaves no trace in them."""

import contextlib

import torch

from engine import distributed
from engine.randomness import examples, generator
from eval.metrics import health, usual
from trainers.batchnorm import by_batch

EXAMPLES = 256  # of each kind: training images, images that were held out, generated ones


class Watch:
    """Looks at a trainer each --health steps: {"health/<network>/<what>": value} for the record, a sentence
    for the log where one leaves its usual range.

    A look is a function of the state and the step: it has noise of its own, networks are in evaluation mode
    (batch norms use their batch's statistics, as in training, and keep none), and nothing outlives it. One
    process looks.
    """

    def __init__(self, trainer, data, args, run):
        self.trainer, self.data, self.args, self.run = trainer, data, args, run
        self.shown = None  # batches by kind, made at the first look
        self.earlier = None  # values of the looks before, oldest first

    def event(self):
        """(every, function(step)) for the loop."""
        return self.args.health, self.measure

    def measure(self, step):
        """The values of this step; none where a look fails, which is a warning."""
        values = {}
        if distributed.rank() == 0:
            with self.run.no_reason_to_stop(f"--health at step {step}"):
                values, histograms = self.look(step)
                self.tell(step, values)
                if self.run.tensorboard:
                    self.run.tensorboard.histograms(step, histograms)
        return {f"health/{name}": value for name, value in values.items()}

    def tell(self, step, values):
        """Says what has left its usual range since the look before."""
        if self.earlier is None:
            self.earlier = [
                {name.removeprefix("health/"): v for name, v in record.items() if name.startswith("health/")}
                for record in self.run.metrics.read()
                if record["step"] < step
            ]
            self.earlier = [record for record in self.earlier if record]
        for text in usual.sentences(values, self.earlier):
            self.run.say(f"health at step {step}: {text}")
        self.earlier = [*self.earlier, values][-usual.OLD :]

    def look(self, step):
        """({name: float}, {name: tensor of many values}) at a step."""
        trainer = self.trainer
        nets = {role: getattr(trainer, role) for role in trainer.roles + trainer.optional_roles}
        nets = {role: net for role, net in nets.items() if net is not None}
        nets |= {f"{role}_ema": trainer.sampling_net(role) for role in trainer.averaged}
        watched = {role: health.Channels(net) for role, net in nets.items()}
        shown = self.batches()
        with contextlib.ExitStack() as stack:
            stack.enter_context(trainer.evaluating())
            stack.enter_context(by_batch(*nets.values()))
            stack.enter_context(draws_apart(trainer, step))
            for channels in watched.values():
                stack.enter_context(channels.watching())
            values, histograms = self.of_logits(shown)
            if trainer.generate is not None and "gen" in nets:
                samples = in_parts(trainer.sample, range(EXAMPLES), self.args.batch_size)
                real = shown["train"]["x"]
                values["gen/duplicates"] = health.duplicates(samples, real)
            else:
                trainer.pictures(first(shown["train"], self.args.batch_size))
            for role in (role for role in nets if not role.endswith("_ema")):
                values |= self.of_weights(role, nets[role])
        for role, channels in watched.items():
            share = channels.share()
            if share is not None:
                values[f"{role}/collapsed"] = share
        for name, optimiser in trainer.optims.items():
            norms = health.gradient_norms(optimiser)
            if norms is not None:
                values[f"{name}/grad_norm"] = float(norms.square().sum().sqrt())
                histograms[f"{name}/grad_norms"] = norms
        return values, histograms

    def of_logits(self, shown):
        """Values, and histograms, of the verdicts of each discriminator."""
        values, histograms, size = {}, {}, self.args.batch_size
        kinds = {kind: self.verdicts(batch, size) for kind, batch in shown.items()}
        for role, (real, fake) in kinds["train"].items():
            values |= named(role, health.accuracies(real, fake, self.trainer.boundary))
            histograms |= {f"{role}/logits_real": real, f"{role}/logits_fake": fake}
            if "held_out" in kinds:
                held_out, _ = kinds["held_out"][role]
                found = health.accuracies(held_out, fake, self.trainer.boundary)["accuracy_real"]
                values[f"{role}/accuracy_held_out"] = found
                ratio = health.overfitting(real, held_out, fake)
                if ratio is not None:
                    values[f"{role}/overfitting"] = ratio
                histograms[f"{role}/logits_held_out"] = held_out
        signs = self.trainer.mean_sign(first(shown["train"], size))
        if signs is not None:
            values["disc/r_t"] = float(signs)
        return values, histograms

    def verdicts(self, batch, size):
        """Trainer.verdicts of a large batch, by parts of a batch of training, which D may compare."""
        n = len(batch["x"])
        found = [
            self.trainer.verdicts({name: value[start : start + size] for name, value in batch.items()})
            for start in range(0, max(n - n % size, 1), size)
        ]
        return {
            role: tuple(torch.cat([part[role][i] for part in found]) for i in range(2)) for role in found[0]
        }

    def of_weights(self, role, net):
        """The largest singular value of the role's layers."""
        draw = generator("health", "singular values")
        found = [health.largest_singular_value(w, draw) for w in health.weights_of(net).values()]
        return {f"{role}/sigma_max": max(found)} if found else {}

    def batches(self):
        """{"train", and "held_out" where the data have valid or test: a batch of examples}, the same at each
        look."""
        if self.shown is None:
            split = next((name for name in ("valid", "test") if name in self.data), None)
            self.shown = {"train": some(self.data["train"])}
            if split:
                self.shown["held_out"] = some(self.data[split])
        return self.shown


def some(iterator):
    """EXAMPLES examples of a split, or all of fewer, the same each time. Of two domains, and of streams: the
    first batch."""
    if hasattr(iterator, "domains"):
        return next(iter(iterator))
    return examples(iterator, EXAMPLES, "health")


def first(batch, n):
    """The first n examples of a batch."""
    return {name: value[:n] for name, value in batch.items()}


def in_parts(sample, whole, size):
    """sample(n) for parts of `whole`, of at most `size`, as one tensor."""
    return torch.cat([sample(len(whole[start : start + size])) for start in range(0, len(whole), size)])


def named(role, values):
    """The values under role/name."""
    return {f"{role}/{name}": value for name, value in values.items()}


@contextlib.contextmanager
def draws_apart(trainer, step):
    """Inside the block the trainer's generators of this step are others, which nothing goes on from."""
    before = trainer.now, trainer.generators
    trainer.now, trainer.generators = step, {}
    try:
        yield
    finally:
        trainer.now, trainer.generators = before
