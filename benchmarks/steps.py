"""Time of a training step of each experiment beside its floor.

    python benchmarks/steps.py [SCRIPT ...] [--batch N] [--width W] [--plain]

SCRIPT: of exps/, as in exps/baseline.specnorm.sh; by default one of every system. Data are random, of the
experiment's shape, so nothing is downloaded. One line for each has, as medians:

  s/step     seconds a step, averaged over a whole period of the algorithm's updates
  images/s   the batch size over that
  GFLOP      operations of convolutions and matrix products, counted as they run, second derivatives included
  of floor   the time over the floor: those operations at the best rate that a library reaches here, in the
             form's arithmetic (common.workloads)

That rate is measured between the steps. All that is compared takes turns in one process.

--bf16 adds the form `bf16`, the same flags with --amp=bf16. Column x is its time over that of float32. It
needs a processor with that arithmetic.

--plain adds the same mathematics without the savings, for scripts whose network has both forms:

  unfolded           resampling apart from convolution
  contiguous         images in the layout NCHW
  norm per forward   each forward pass does a power iteration and divides each weight
  original           all of these, and the passes that the code of Verma et al. 2018 makes and does not need
  by hand            our networks and losses in a bare loop

The last two are for a GAN without mixup, penalties or further terms. All forms keep freed memory, as the
launcher does. GLIBC_TUNABLES= in front of the command gives the times without that.
"""

import argparse
import functools
import os
import re
import resource
import sys

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import ROOT, best_rate, command_line, machine, medians, words_of, workloads
from engine import flags, memory, setup
from engine.errors import UserError
from engine.randomness import seed_step
from engine.record import Means
from losses.penalties import zero_centred

COLOUR, GREY = (3, 32, 32), (1, 32, 32)
# script: shape of x (and of x_b); batch size as in the script
SCRIPTS = {
    "exps/quickstart.sh": [(1, 8, 8)],
    "exps/baseline.specnorm.sh": [COLOUR],
    "exps/visible.dnorm0.specnorm.sh": [COLOUR],
    "exps/hidden.dnorm0.5.pp.sh": [COLOUR],
    "exps/cifar10.baseline.dnorm10.sh": [COLOUR],
    "exps/mnist_downstream/plain.sh": [GREY],
    "exps/mnist_downstream/mixup.sh": [GREY],
    "exps/mnist_downstream/acai.sh": [GREY],
    "exps/points/line2024_jsgan.sh": [(1, 1, 1)],
    "exps/points/line2020_jsgan.sh": [(1, 1, 1)],
    "exps/points/grid_r1.sh": [(1, 1, 2)],
    "exps/wgan_gp/cifar10_short.sh": [COLOUR],
    "exps/wgan_gp/homework.sh": [COLOUR],
    "exps/bigan/mnist10k.sh": [(1, 28, 28)],
    "exps/bigan/official.sh": [(1, 28, 28)],
    "exps/cyclegan/mnist10k.sh": [(1, 28, 28), (3, 28, 28)],
    "exps/dist_gan_toys/line_dist_gan.sh": [(1, 1, 1)],
    "exps/dist_gan_toys/square_dist_gan.sh": [(1, 1, 2)],
    "exps/mdistgan_cifar10.sh": [COLOUR],
    "exps/ssgan/cifar10_ssgan.sh": [COLOUR],
    "exps/dist_gan/cifar10_sncnn_ms.sh": [COLOUR],
    "exps/dist_gan/mnist_dcgan.sh": [(1, 28, 28)],
    "exps/stacked_mnist/unrolled_k4_ms.sh": [(3, 28, 28)],
    "exps/dsprites/beta_vae10.sh": [(1, 64, 64)],
    "exps/class_mixing/celeba32.sh": [COLOUR],
    "exps/mnist10k_semi/feature_matching.sh": [(1, 28, 28)],
    "exps/mnist10k_improved/plain.sh": [GREY],
    "exps/mnist10k_improved/all.sh": [GREY],
}


class Operations(TorchDispatchMode):
    """Counts the operations of convolutions and products that run inside it, in `total`.

    torch's own counter also follows modules. autograd.grad does not allow that.
    """

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        count = flop_registry.get(function._overloadpacket)
        self.total += count(*args, **(kwargs or {}), out_val=out) if count else 0
        return out


class Case:
    """One experiment's trainer on random data. words: its flags; shapes: of x and x_b."""

    def __init__(self, words, shapes, layout=torch.channels_last, refresh=True, device="cpu"):
        self.args = args = flags.parse(words)
        args.data_shape, args.n_classes = list(shapes[0]), 10
        if len(shapes) > 1:
            args.data_shape_b = list(shapes[1])
        args.steps_per_epoch, args.total_steps = 100, 1000
        args.schedule_steps = args.schedule_steps or 1000
        flags.resolve(args)
        os.chdir(ROOT)
        memory.keep_freed()
        setup.check_precision(args, torch.device(device))
        self.trainer = setup.trainer(args, setup.networks(args)).to(device).to(memory_format=layout).train()
        if args.compile:
            setup.compile(self.trainer)
        n = args.batch_size
        self.batch = {"y": torch.arange(n) % 10, "attributes": torch.arange(n * 40).reshape(n, 40) % 2}
        for name, shape in zip(("x", "x_b"), shapes):
            self.batch[name] = (torch.rand(n, *shape) * 2 - 1).to(memory_format=layout)
        if "semi_supervised" in args.trainer:
            self.batch |= {"x_unlabelled": self.batch["x"].flip(0), "x_unlabelled_g": self.batch["x"]}
        self.batch = {name: value.to(device) for name, value in self.batch.items()}
        if not refresh:
            self.trainer.refresh_caches = lambda module: None
        self.step_number, self.means = 0, Means()
        self.period = getattr(args, "update_g_every", 1)

    def step(self):
        """One training step, with its log."""
        seed_step(0, self.step_number)
        self.trainer.on_step_start(self.step_number)
        self.means.add(self.trainer.step(self.batch, self.step_number))
        self.step_number += 1

    def run(self, steps):
        """So many steps."""
        for _ in range(steps):
            self.step()

    def operations(self):
        """Operations a step of convolutions and products, over a whole period."""
        with Operations() as counted:
            self.run(self.period)
        return counted.total / self.period


class ByHand(Case):
    """The same networks and losses in a bare loop: no log, no check for finite numbers, D's batches apart."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.adam = {
            name: torch.optim.Adam(
                self.trainer.parameters_of(name), self.args.lr, (self.args.beta1, self.args.beta2), fused=True
            )
            for name in ("gen", "disc")
        }

    def step(self):
        """One step of G if it is due, and one of D."""
        t, real = self.trainer, self.batch["x"]
        t.refresh_caches(t)
        if self.step_number % self.period == 0:
            t.disc.requires_grad_(False)
            t.objective.g(t.disc(t.gen(t.noise(len(real))))).mean().backward()
            t.disc.requires_grad_(True)
            self.apply("gen")
        with torch.no_grad():
            fake = t.gen(t.noise(len(real)))
        (t.objective.d_real(t.disc(real)).mean() + t.objective.d_fake(t.disc(fake)).mean()).backward()
        self.apply("disc")
        self.step_number += 1

    def apply(self, name):
        """One step of an optimiser on the gradients that stand there."""
        self.adam[name].step()
        self.adam[name].zero_grad()


class Original(ByHand):
    """The same networks and losses with the passes that the code of Verma et al. 2018 makes in each step.

    It builds G's graph and computes D's logits of it in steps without an update of G too. It computes
    gradients with respect to the real images and, in G's step, to D's weights. And it computes a gradient
    norm with a graph of its own, which only the log uses.
    """

    def step(self):
        """One step of G if it is due, and one of D, on the same fakes."""
        t, real = self.trainer, self.batch["x"].detach().requires_grad_()
        self.adam["gen"].zero_grad()
        fake = t.gen(t.noise(len(real)))
        g_loss = t.objective.g(t.disc(fake)).mean()
        if self.step_number % self.period == 0:
            g_loss.backward()
            self.adam["gen"].step()
        self.adam["disc"].zero_grad()
        d_loss = t.objective.d_fake(t.disc(fake.detach())).mean() + t.objective.d_real(t.disc(real)).mean()
        d_loss.backward()
        self.adam["disc"].step()
        self.logged = [value.item() for value in (g_loss, d_loss, zero_centred(t.probability, real).mean())]
        self.step_number += 1


def bare(case):
    """Whether the experiment is what the loops above do: an adversarial loss for each player, and no more."""
    t, args = case.trainer, case.args
    return (
        type(t).__name__ == "MixupGAN"
        and not (t.layers or t.matching or t.joint or t.penalties or args.dnorm or args.historical_averaging)
        and args.g_steps == 1
    )


def cases_of(script, shapes, more, plain, bf16):
    """{name: Case}, ours first."""
    words = [*words_of(script), "--threads=0", "--resume=none", *more]
    cases = {"ours": Case(words, shapes)}
    if bf16:
        cases["bf16"] = Case([*words, "--amp=bf16"], shapes)
    if plain:
        unfolded = [*words, "--network_args", "fold=False"]
        try:
            cases["unfolded"] = Case(unfolded, shapes)
        except UserError:
            unfolded = words
        cases["contiguous"] = Case(words, shapes, torch.contiguous_format)
        if any(hasattr(part, "refresh") for part in cases["ours"].trainer.modules()):
            cases["norm per forward"] = Case(words, shapes, refresh=False)
        if bare(cases["ours"]):
            cases["by hand"] = ByHand(words, shapes)
            cases["original"] = Original(unfolded, shapes, torch.contiguous_format, refresh=False)
    return cases


def shapes_of(script, text=None):
    """(the script's path inside the project, shapes of x and x_b).

    text: the shapes, such as 1,28,28:3,28,28, or None for those in SCRIPTS. Raises UserError.
    """
    path = script if os.path.isfile(script) else os.path.join(ROOT, script)
    if not os.path.isfile(path):
        raise UserError(f"{script}: no such script; use one of exps/")
    known = os.path.relpath(os.path.abspath(path), ROOT)
    if text is None:
        if known not in SCRIPTS:
            raise UserError(f"{script}: the shape of its data is not known here; add --shape=C,H,W")
        return known, SCRIPTS[known]
    if not re.fullmatch(r"[1-9]\d*,[1-9]\d*,[1-9]\d*(:[1-9]\d*,[1-9]\d*,[1-9]\d*)?", text):
        raise UserError(f"--shape: given {text}; use channels, height and width, as in --shape=3,32,32")
    return known, [tuple(map(int, shape.split(","))) for shape in text.split(":")]


def main():
    """Prints the table."""
    parser = flags.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", help="scripts of exps/ (default: one of every system)")
    parser.add_argument(
        "--shape",
        help="shape of x for scripts that the benchmark does not know: C,H,W, or C,H,W:C,H,W for two domains",
    )
    parser.add_argument("--batch", type=flags.positive, help="another batch size")
    parser.add_argument("--width", type=flags.positive, help="another width of the networks")
    parser.add_argument(
        "--flags",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="further flags of the launcher, without their dashes, as in amp=bf16",
    )
    parser.add_argument("--bf16", action="store_true", help="--amp=bf16 beside float32")
    parser.add_argument("--plain", action="store_true", help="the plain formulations too")
    parser.add_argument("--repeats", type=flags.positive, default=5)
    parser.add_argument(
        "--threads", type=flags.count, default=0, help="CPU threads (default: torch's choice)"
    )
    parser.add_argument(
        "--profile", action="store_true", help="where the time of the first script's step goes"
    )
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    arithmetics = {"float32": workloads()}
    if args.bf16 or "amp=bf16" in args.flags:
        setup.check_precision(flags.parse(["--amp=bf16"]), torch.device("cpu"))
        arithmetics["bf16"] = workloads(torch.bfloat16)
    print(machine())
    print(
        f"{'script':<40}{'form':<18}{'s/step':>9}{'images/s':>10}{'GFLOP/step':>12}{'GFLOP/s':>9}"
        f"{'best':>9}{'of floor':>10}{'x':>7}",
        flush=True,
    )
    more = [
        *([f"--batch_size={args.batch}"] if args.batch else []),
        *(["--network_args", f"width={args.width}"] if args.width else []),
        *[f"--{f}" for f in args.flags],
    ]
    for script in args.scripts or SCRIPTS:
        known, shapes = shapes_of(script, args.shape)
        cases = cases_of(known, shapes, more, args.plain, args.bf16)
        period, counted = cases["ours"].period, cases["ours"].operations()
        # steps so short that a clock and its call matter are timed by the dozen
        steps = period * max(1, 20 // period) if counted < 1e9 else period
        work_of = {
            (kind, name): function
            for kind, work in arithmetics.items()
            for name, (function, _) in work.items()
        }
        runs = {name: functools.partial(case.run, steps) for name, case in cases.items()}
        seconds = medians(work_of | runs, args.repeats)
        rates = {
            kind: best_rate(work, {name: seconds.pop((kind, name)) for name in work})[0]
            for kind, work in arithmetics.items()
        }
        for name, s in seconds.items():
            s /= steps
            rate = rates["bf16" if cases[name].args.amp == "bf16" else "float32"]
            flop = counted if name == "ours" else cases[name].operations()
            print(
                f"{known:<40}{name:<18}{s:9.4f}{cases['ours'].args.batch_size / s:10.1f}"
                f"{flop / 1e9:12.2f}{flop / s / 1e9:9.1f}{rate / 1e9:9.1f}"
                f"{s / (counted / rate):10.2f}{s / (seconds['ours'] / steps):7.2f}",
                flush=True,
            )
        if args.profile:
            with torch.profiler.profile() as profile:
                cases["ours"].run(steps)
            print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=20))
            break
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    command_line(main)
