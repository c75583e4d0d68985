"""What all algorithms share: roles, optimisers, the one place where gradients are applied, averages, capture
and restore."""

import contextlib
import copy
import functools
import operator
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from engine import accumulation, distributed
from engine.adam import Adam
from engine.errors import UserError
from engine.randomness import generator, seeded
from engine.torch_private import foreach, not_finite
from trainers.batchnorm import compares_examples, compares_halves
from trainers.judge import Judge
from trainers.penalised import penalties_of

# hooks and methods that users' trainer files may define or call, by the names that they had before
RENAMED = {
    "begin": "on_step_start",
    "together": "forward_jointly",
    "best": "sampling_net",
    "renew": "refresh_caches",
    "goes_with": "warn_if_unused",
    "start_from_data": "data_dependent_init",
    "refuse_what_cannot_be": "check_flags",
}


class Check(NamedTuple):
    """A pass of two images through a network: what check_networks tries before a start.

    role: the network. call: function that returns a tensor. shape: the shape it must have; None: any. hint:
    what to do where it has another.
    """

    role: str
    call: Callable
    shape: tuple | None = None
    hint: str = ""


class Trainer(nn.Module):
    """Networks and optimisers of one algorithm; see docs/design.md for what a subclass writes.

    roles: the networks it needs; optional_roles: those it uses when given; per_process: buffers that differ
    between processes.
    """

    roles = ()
    optional_roles = ()
    per_process = ()
    # parts whose state is that of methods: a start from another run's checkpoint may add or drop it
    methods = ("penalties",)
    # roles that --accumulate takes a part of the batch through; none: the algorithm needs the whole batch
    accumulates = ()
    truncation = None  # the largest |z| that modes draw, see normal()
    # the shape of what disc returns for an example, and what to do where it has another
    disc_output, disc_hint = (), "give one logit an image; classes need --trainer=trainers/semi_supervised.py"

    judges_images = True  # whether penalties see images, [N, C, H, W]

    # What an algorithm may offer besides. None: it has no such thing, and a mode that needs it says so.
    generate = None  # z [n, z_dim] -> images [n, C, H, W] in [-1, 1]
    probability = None  # x [N, C, H, W] -> D's output [N], for pictures of points
    encode = None  # x [N, C, H, W] -> codes [N, ...]
    decode = None  # codes [N, ...] -> images [N, C, H, W]
    interpolate = None  # (h, other, p), codes [N, ...] -> their mix: h where p = 1
    combine = None  # (hs, shares), k codes [N, ...] and k shares that sum to 1 -> their mix
    blend = None  # (h, other, attributes), codes [N, ...] and float [N, A] -> their mix with these attributes
    to_a = to_b = None  # images [N, C, H, W] of one domain -> of the other
    near = None  # (z, std, purpose, *classes) -> G(z + dz), for penalties that compare neighbours of z
    boundary = 0.0  # D's logit of an example that it cannot place; None: a critic's scores have no such zero

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        for name in RENAMED.keys() & vars(cls).keys():
            raise UserError(f"--trainer: {cls.__name__} defines {name}; rename it to {RENAMED[name]}")

    def __getattr__(self, name):
        if name in RENAMED:
            raise UserError(f"--trainer: {type(self).__name__} uses {name}; rename it to {RENAMED[name]}")
        return super().__getattr__(name)

    def __init__(self, nets, args):
        """nets: {role: module}; args: the flags. Raises UserError for a missing or superfluous role."""
        super().__init__()
        missing = [r for r in self.roles if r not in nets]
        extra = [r for r in nets if r not in self.roles + self.optional_roles]
        if missing or extra:
            raise UserError(
                f"--network: {args.network} gives {', '.join(nets)}; {type(self).__name__} needs "
                f"{', '.join(self.roles)}"
                + (f" (and may use {', '.join(self.optional_roles)})" if self.optional_roles else "")
            )
        for role, net in nets.items():
            self.add_module(role, net)
        self.args = args
        self.optims, self.owned, self.averaged = {}, {}, {}  # optimisers; their networks; decays of averages
        self.caching, self.comparing, self.pairs = {}, {}, {}  # what walks over modules have found
        self.penalty_sets = []  # what penalise() has made
        self.stepped = set()  # optimisers already stepped in this iteration
        self.undrawn = set()  # optimisers whose parts were seen not to draw
        self.share = 1.0  # n_local * world_size / n_global
        self.now, self.generators = 0, {}  # the step in hand, and what it has drawn from: see generator()
        self.warnings, self.notes = [], []  # said once when the run starts
        self.register_buffer("bad_steps", torch.zeros(2, dtype=torch.int64))  # in a row, in all
        # roles whose losses need second derivatives, which --compile cannot give
        self.twice_differentiated = ()
        if args.amp != "off":
            for net in nets.values():
                net.register_forward_hook(
                    lambda module, inputs, output: output.float() if torch.is_tensor(output) else output
                )
        if args.amp == "fp16":  # the scale, and good updates since it last moved
            self.register_buffer("loss_scale", torch.tensor([2.0**16, 0.0]))

    # --- for algorithms

    def optimise(self, name, *modules, **options):
        """Declares optimiser `name`: Adam (Kingma and Ba 2015) with --lr (--disc_lr if it is a
        discriminator's: disc...), --beta1 and --beta2 unless `options` say otherwise."""
        lr = self.args.disc_lr if self.args.disc_lr and name.startswith("disc") else self.args.lr
        settings = {"lr": lr, "betas": (self.args.beta1, self.args.beta2)} | options
        parameters = list({id(p): p for m in modules for p in m.parameters() if p.requires_grad}.values())
        self.optims[name] = Adam(parameters, fused=True, **settings)
        self.owned[name] = modules
        for group in self.optims[name].param_groups:
            group["base_lr"] = group["lr"]

    @property
    def device(self):
        """Where the networks are."""
        return self.bad_steps.device

    def parameters_of(self, name):
        """The parameters that optimiser `name` updates."""
        return self.optims[name].param_groups[0]["params"]

    def average(self, role, decay):
        """Keeps <role>_ema, an exponential average of the network's parameters with `decay` a step that
        updates it, however often; buffers are copied."""
        if decay > 0:
            ema = copy.deepcopy(getattr(self, role)).requires_grad_(False).eval()
            self.add_module(role + "_ema", ema)
            self.averaged[role] = decay

    def sampling_net(self, role):
        """The averaged network where there is one, else the network: what samples are drawn from."""
        return getattr(self, role + "_ema" if role in self.averaged else role)

    def noise(self, n, generator=None):
        """z [n, z_dim] from --z_dist, N(0, I) or U(-1, 1); by default from the step's own generator."""

        def draw(n):
            if self.args.z_dist == "normal":
                return self.normal(n, self.args.z_dim, generator=generator)
            z = torch.empty(n, self.args.z_dim, device=self.device)
            return z.uniform_(-1, 1, generator=generator)

        return accumulation.rows(draw, n)

    def normal(self, *shape, generator=None):
        """Numbers from N(0, 1); where `truncation` is set, from its part within [-truncation, truncation].

        That is the truncation trick: a number that falls outside is drawn again. Brock et al. 2019, section
        3.1.
        """
        if self.truncation is None:
            return torch.randn(shape, device=self.device, generator=generator)
        numbers, most = torch.empty(shape, device=self.device), self.truncation
        return nn.init.trunc_normal_(numbers, a=-most, b=most, generator=generator)

    def fakes(self, n):
        """G(z), [n, C, H, W], for z of noise(n). With --accumulate, a G that compares examples gets the whole
        batch at once."""
        return self.through("gen", lambda n: self.gen(self.noise(n)), n)

    def through(self, role, make, n):
        """make(n), what network `role` makes of n examples. With --accumulate it is made for the whole batch
        at once if the network compares examples, else by parts."""
        whole = accumulation.active() and self.compares(getattr(self, role))
        return accumulation.rows(make, n) if whole else make(n)

    def compares(self, net):
        """Whether a network compares the examples of a batch, looked up once."""
        if net not in self.comparing:
            self.comparing[net] = compares_examples(net)
        return self.comparing[net]

    def generator(self, purpose):
        """The random generator of one purpose in this step and process, seeded by key(seed, purpose, step,
        rank); a second call goes on with it.

        What a method draws from it moves no other draw: a run without the method keeps its bits, and runs
        that differ in one method share their noise.
        """
        if purpose not in self.generators:
            words = self.args.seed, purpose, self.now, distributed.rank()
            self.generators[purpose] = generator(*words, device=self.device)
        return self.generators[purpose]

    def forward_jointly(self, net, function, *batches):
        """[function(x) for x in batches], where function applies `net` to [n, ...].

        It is one call for all batches, unless the network mixes examples. A batch may be a tuple of tensors,
        then the arguments of function.
        """
        batches = [x if isinstance(x, tuple) else (x,) for x in batches]
        if self.compares(net) or len(batches) < 2:
            return [function(*x) for x in batches]
        return function(*map(torch.cat, zip(*batches))).split([len(x[0]) for x in batches])

    def judge_of(self, disc, shared=True, augment=None):
        """The Judge of a discriminator. shared: whether penalties may share the forward pass of the logits.
        augment: see Judge.

        They cannot under --amp (slopes are float32), nor where D compares examples. Needs self.penalties.
        """
        self.joint = compares_halves(disc)
        apart = self.args.amp != "off" or self.joint or compares_examples(disc) or not shared
        slopes_at = () if apart else self.penalties.slopes_at()
        self.penalties.put_first(slopes_at)
        return Judge(disc, self.forward_jointly, self.to_logits, self.joint, slopes_at, augment)

    def penalise(self, weights, *roles, **more):
        """The Penalties of --penalty's words on discriminators of these roles; see penalised.penalties_of for
        `more`."""
        penalties = penalties_of(weights, self.args, **more)
        self.penalty_sets.append(penalties)
        if penalties.twice_differentiated() or penalties.hooked():
            self.twice_differentiated += roles
        penalties.check(self)
        return penalties

    def to_logits(self, output):
        """Logits [N] of what the discriminator returns: those themselves, unless the subclass says
        otherwise."""
        return output

    def disc_features(self, x, layer):
        """D's hidden state h_layer of images x [N, C, H, W], by the averaged D where there is one: [N, d], of
        maps their means over pixels. For the probe of --mode=logreg."""
        h = self.sampling_net("disc")(x, stop=layer)
        return h.mean((2, 3)) if h.ndim == 4 else h.flatten(1)

    @property
    def last_layer(self):
        """The last layer that the discriminator offers; 0 is the image."""
        return getattr(self.disc, "layers", 1) - 1

    def mean(self, values):
        """The mean of values [n] over the batch of all processes, with its gradient: a loss may be any
        function of it."""
        if accumulation.active():
            raise UserError(
                f"--accumulate={self.args.accumulate}: a loss or a penalty is of a mean over the batch, "
                "which no part of it has; use --accumulate=1"
            )
        mean = values.mean()
        return distributed.Mean.apply(mean, self.share) if distributed.world_size() > 1 else mean

    def sample(self, n):
        """n generated images [n, C, H, W] in [-1, 1]: generate(noise(n)), unless the subclass says
        otherwise."""
        return self.generate(self.noise(n))

    def sample_fns(self, data, split="test"):
        """{name: function of n that gives n images}: what --mode=evaluate scores. data: {split:
        DataIterator}."""
        return {"": self.sample}

    def prepare(self, batch):
        """Initialisation that depends on data, from the first batch; called once, before step 0. By default
        none."""

    def pictures(self, batch):
        """{name: images [n, C, H, W], or [rows, n, C, H, W]} of samples/; by default --samples drawn ones."""
        return {"": self.sample(self.args.samples)}

    def verdicts(self, batch):
        """{a discriminator's role: (its logits [N] of the real examples of a batch, [N] of as many generated
        ones)}, for --health; none where no network tells the two apart."""
        if not {"gen", "disc"} <= set(self.roles) or self.generate is None:
            return {}
        shown = batch["x"], self.gen(self.noise(len(batch["x"])))
        return {"disc": tuple(self.to_logits(self.disc(x)) for x in shown)}

    def mean_sign(self, batch):
        """r_t of the real images x of a batch, E sign D(T x), for --health: a scalar; None without
        adaptive augmentation."""
        return None

    def diagnose(self, batch):
        """{name: scalar tensor} to be logged beside the losses, in evaluation mode; by default none."""
        return {}

    def measures(self, data):
        """[(every, function(step) -> {name: float})], called each `every` steps; by default none."""
        return []

    def update(self, name, terms, *batch):
        """One step of optimiser `name` on the sum of the means of `terms`; makes no gradient of any other
        network.

        terms: {name: [N] or scalar, or a pair of its weight and that}, or a function of `batch` that gives
        them, a tensor (or a tuple of them) of N rows and more arguments: with --accumulate it is called with
        parts of the tensors. Returns {"<optimiser>/<term>": detached mean}: what is summed is what is logged;
        of a term with a weight also "<optimiser>/<term>_raw", its mean without the weight. A step whose loss
        or gradient is not finite is skipped, in every process alike, and counted in bad_steps; buffers of
        penalties are as before it.
        """
        params = self.parameters_of(name)
        if self.args.accumulate > 1 and callable(terms):
            means, raw, loss, grads = self.accumulated(name, terms, batch)
        else:
            means, raw = means_of(terms(*batch) if callable(terms) else terms)
            loss = functools.reduce(operator.add, means.values())
            grads = self.gradients(loss, params)
        *grads, loss = distributed.average([*grads, loss.detach()], self.share)  # one flat all-reduce
        # the fused kernels walk memory: a gradient laid out otherwise than its parameter would be misread
        grads = [
            grad if grad.stride() == p.stride() else torch.empty_like(p).copy_(grad)
            for p, grad in zip(params, grads)
        ]
        bad = not_finite([*grads, loss])
        self.optims[name].step_with(grads, bad)  # skips on the device: no one waits
        self.count(bad)
        for penalties in self.penalty_sets:
            penalties.settle(bad)
        for module in self.owned[name]:
            self.refresh_caches(module)
        self.stepped.add(name)
        return {f"{name}/{term}": mean.detach() for term, mean in (raw | means).items()}

    def accumulated(self, name, terms, batch):
        """(means of terms, means without weights, sum of the former, d sum / d parameters), by --accumulate
        parts of the batch, one after another: those of the whole batch, but for rounding.

        sum_i n_i/N grad l_i over the parts; what was made for the whole batch, generated images say, gets its
        gradient from all parts, and passes it on once. A cache with a graph (a spectral norm's) serves all.
        """
        params, first = self.parameters_of(name), batch[0][0] if isinstance(batch[0], tuple) else batch[0]
        pieces, means, raw, total = accumulation.Parts(len(first), self.args.accumulate), {}, {}, None
        for i in range(len(pieces)):
            before = self.generator_states() if i and name not in self.undrawn else None
            with pieces.part(i) as share:
                arguments = (pieces.argument(x, f"argument {j}") for j, x in enumerate(batch))
                found, unweighted = means_of(terms(*arguments))
            if before is not None:
                self.check_draws(name, before)
            found = {term: share * value for term, value in found.items()}
            inputs = [*params, *(leaf for _, leaf in pieces.leaves.values())]
            loss = functools.reduce(operator.add, found.values())
            grads = self.gradients(loss, inputs, retain_graph=i < len(pieces) - 1)
            pieces.collect(grads[len(params) :])
            grads = list(grads[: len(params)])
            total = grads if total is None else foreach("add", total, grads)
            means = {term: means.get(term, 0) + value.detach() for term, value in found.items()}
            raw = {term: raw.get(term, 0) + share * value for term, value in unweighted.items()}
            del found, loss, grads, inputs  # or the next part's graph would be made beside this one's
        wholes, upstream = pieces.upstream()
        if wholes:
            total = foreach("add", total, list(self.gradients(wholes, params, upstream)))
        return means, raw, functools.reduce(operator.add, means.values()), total

    def generator_states(self):
        """The states of the generators that a step may draw from."""
        return accumulation.generator_states(*self.generators.values())

    def check_draws(self, name, before):
        """Raises UserError if a part after the first has drawn numbers of its own; looked at once for each
        optimiser, in the first step of a start."""
        after = self.generator_states()
        if len(before) != len(after) or not all(map(torch.equal, before, after)):
            raise UserError(
                f"--accumulate={self.args.accumulate}: a network or a penalty draws random numbers of its "
                f"own for each part in the update of {name} (dropout, noise); use --accumulate=1"
            )
        self.undrawn.add(name)

    def check_accumulate(self):
        """Raises UserError where --accumulate would not give the gradient of the whole batch."""
        given, args = f"--accumulate={self.args.accumulate}", self.args
        if not self.accumulates:
            raise UserError(
                f"{given}: {args.trainer} computes its losses of the whole batch; use --accumulate=1"
            )
        most = args.batch_size // distributed.world_size()
        if args.accumulate > most:
            raise UserError(f"{given}: must be at most {most}, a process's share of --batch_size")
        if args.compile:
            raise UserError(f"{given}: compiled code keeps no graph for several parts; leave --compile out")
        for role in self.accumulates:
            if compares_examples(getattr(self, role, nn.Identity())):
                raise UserError(
                    f"{given}: {role} of {args.network} compares the examples of a batch (batch norm, "
                    "minibatch discrimination); use --accumulate=1, or --network_args without it"
                )
        for penalties in self.penalty_sets:
            for name, reason in penalties.of_batch().items():
                raise UserError(f"{given}: --penalty {name} {reason}; use --accumulate=1, or another penalty")

    def gradients(self, outputs, params, upstream=None, retain_graph=False):
        """d outputs / d params, times `upstream` if it is given; with --amp=fp16 by way of a scaled loss, so
        that small gradients are not lost in float16."""
        options = {"retain_graph": retain_graph, "materialize_grads": True}  # unused: zero, not None
        if self.args.amp != "fp16":
            return torch.autograd.grad(outputs, params, upstream, **options)
        if upstream is None:
            outputs = outputs * self.loss_scale[0]
        else:
            upstream = [g * self.loss_scale[0] for g in upstream]
        scaled = torch.autograd.grad(outputs, params, upstream, **options)
        return foreach("div", scaled, self.loss_scale[0])

    # --- for the loop

    def step(self, batch, step):
        """train_step(batch, step) in the precision that --amp asks for, then the averages."""
        amp = self.args.amp
        if amp == "off":
            log = self.train_step(batch, step)
        else:
            with torch.autocast(self.device.type, torch.bfloat16 if amp == "bf16" else torch.float16):
                log = self.train_step(batch, step)
        self.move_averages()
        return log

    def on_step_start(self, step, share=1.0):
        """Sets what depends on the step: learning rates, this process's share of the batch, fresh caches."""
        self.share, self.now = share, step
        self.generators.clear()
        for optim in self.optims.values():
            for group in optim.param_groups:
                group["lr"] = group["base_lr"] * self.lr_factor(step)
        self.refresh_caches(self)

    def data_dependent_init(self, x):
        """Data-dependent initialisation of gen (from noise) and disc (from real images x [N, C, H, W]), in
        layers that have one: a reference batch, weight norm, minibatch discrimination."""
        # an even number: a joint batch has two halves
        for net, given in ((self.gen, self.noise), (self.disc, x[: len(x) // 2 * 2])):
            if hasattr(net, "prepare"):
                net.prepare(given)

    def warn_if_unused(self, used, what, *flags):
        """Warns, unless `used`, of each of the flags that was given another value than its default: it does
        nothing without `what`."""
        for flag in flags if not used else ():
            value = getattr(self.args, flag)
            if value != self.args.defaults.get(flag, value):
                self.warnings.append(f"--{flag}: given {value}, does nothing without {what}")

    def checks(self, x):
        """[Check]: what the networks must return for two images x [2, C, H, W]; by default those of gen and
        disc."""
        found = {
            "gen": Check("gen", lambda: self.gen(self.noise(2)), x.shape, "fit data_shape and z_dim"),
            "disc": Check("disc", lambda: self.disc(x), (2, *self.disc_output), self.disc_hint),
        }
        return [check for role, check in found.items() if role in self.roles]

    def check_networks(self):
        """Passes two made-up images through the networks, in evaluation mode; generators are as before after
        it.

        Raises UserError, of one line that names role and file, where a network does not fit its trainer.
        """
        file = self.args.network
        with self.evaluating(), seeded("check_networks"):
            x = torch.rand(2, *self.args.data_shape, device=self.device) * 2 - 1
            for role, call, shape, hint in self.checks(x):
                try:
                    found = call().shape
                except UserError:
                    raise
                except Exception as error:
                    text = " ".join(str(error).split())
                    raise UserError(
                        f"--network: {role} of {file} does not fit {self.args.trainer}, "
                        f"{type(error).__name__}: {text}; --traceback shows where"
                    ) from error
                if shape is not None and tuple(found) != tuple(shape):
                    raise UserError(
                        f"--network: {role} of {file} gives {list(found)} for two examples; must be "
                        f"{list(shape)}" + (f"; {hint}" if hint else "")
                    )

    def initialise(self, batch):
        """prepare(batch), without gradients; then process 0's outcome everywhere, and averages that start
        from it."""
        with torch.no_grad():
            self.prepare(batch)
            distributed.broadcast([*self.parameters(), *self.shared_buffers()])
            for role in self.averaged:
                self.sampling_net(role).load_state_dict(getattr(self, role).state_dict())
        self.refresh_caches(self)

    def refresh_caches(self, module):
        """Calls refresh() of every part of `module` that has it: such parts cache something derived from
        their parameters."""
        if module not in self.caching:  # walking the modules costs as much as a small network's layer
            self.caching[module] = [part for part in module.modules() if hasattr(part, "refresh")]
        for part in self.caching[module]:
            part.refresh()

    def lr_factor(self, step):
        """--lr_schedule at a step s of S = schedule_steps: 1; linear, 1 - s/S, exactly 0 at the end; half,
        min(1, 2 (1 - s/S)); half_exp, 0.01^max(0, 2 s/S - 1); exp, lr_gamma^epoch."""
        args = self.args
        if args.lr_schedule == "linear":
            return max(0.0, 1 - step / args.schedule_steps)
        if args.lr_schedule == "half":
            return max(0.0, min(1.0, 2 * (1 - step / args.schedule_steps)))
        if args.lr_schedule == "half_exp":
            return 0.01 ** min(1.0, max(0.0, 2 * step / args.schedule_steps - 1))
        return args.lr_gamma ** (step // args.steps_per_epoch) if args.lr_schedule == "exp" else 1.0

    def count(self, bad):
        """Counts a skipped update: bad_steps holds how many in a row, and how many in all. Moves the scale of
        --amp=fp16."""
        bad = bad.long()
        self.bad_steps.add_(bad)
        self.bad_steps[0].mul_(bad)
        if self.args.amp == "fp16":
            # half after an overflow, double after 2,000 updates without one: Micikevicius et al. 2018,
            # section 3.2
            bad, (scale, good) = bad.bool(), self.loss_scale
            grown = good >= 1999
            self.loss_scale.copy_(
                torch.stack(
                    [
                        torch.where(bad, scale / 2, torch.where(grown, scale * 2, scale)),
                        torch.where(bad | grown, 0.0, good + 1),
                    ]
                )
            )

    def move_averages(self):
        """ema <- decay ema + (1 - decay) parameters, for the averaged networks that this step has updated."""
        updated = [module for name in self.stepped for module in self.owned[name]]
        self.stepped.clear()
        for role, decay in self.averaged.items():
            net = getattr(self, role)
            if any(net is module for module in updated):
                ema = self.sampling_net(role)
                if role not in self.pairs:  # walking the modules costs as much as a small network's layer
                    self.pairs[role] = [
                        list(each)
                        for each in (
                            ema.parameters(),
                            (p.detach() for p in net.parameters()),
                            ema.buffers(),
                            net.buffers(),
                        )
                    ]
                averages, values, copies, buffers = self.pairs[role]
                foreach("lerp_", averages, values, 1 - decay)
                if copies:
                    foreach("copy_", copies, buffers)
                self.refresh_caches(ema)

    def train(self, mode=True):
        """nn.Module.train, which leaves averaged networks in evaluation mode."""
        super().train(mode)
        for role in self.averaged:
            self.sampling_net(role).eval()
        return self

    @contextlib.contextmanager
    def evaluating(self):
        """Evaluation mode and no gradients inside the block; training mode after it."""
        self.eval()
        try:
            with torch.no_grad():
                yield self
        finally:
            self.train()

    def shared_buffers(self):
        """The buffers that process 0 hands to the others after each step."""
        same = {
            id(b)
            for m in self.children()
            for part in m.modules()
            if getattr(part, "same_everywhere", False)
            for b in part.buffers()
        }
        return [b for name, b in self.named_buffers() if name not in self.per_process and id(b) not in same]

    def capture(self):
        """{"modules", "optims"}: all that outlives a step. Called in every process: private buffers become
        lists over ranks."""
        modules = dict(self.state_dict())
        for name in self.per_process:
            modules[name] = distributed.gather(modules[name].cpu())
        return {
            "modules": modules,
            "optims": {name: optim.state_dict() for name, optim in self.optims.items()},
        }

    def check_weights(self, modules, file, *names):
        """[(role, state dict)] of what --init takes: networks called `names` of a captured state's modules,
        by default all plain ones that both have; gen_ema is the averaged gen. Raises UserError where these do
        not fit."""
        own = [role for role in self.roles + self.optional_roles if getattr(self, role, None) is not None]
        there = {name.split(".")[0] for name in modules}
        found = []
        for name in names or [role for role in own if role in there]:
            role = name.removesuffix("_ema")
            if role not in own or name not in there:
                have = ", ".join(n for n in sorted(there) if n.removesuffix("_ema") in own) or "none of these"
                raise UserError(f"--init: given {name}; the run has {', '.join(own)}, {file} has {have}")
            part = {n.removeprefix(name + "."): v for n, v in modules.items() if n.startswith(name + ".")}
            mine = getattr(self, role).state_dict()
            wrong = sorted(mine.keys() ^ part.keys()) or [
                n for n, value in part.items() if value.shape != mine[n].shape
            ]
            if wrong:
                raise UserError(
                    f"--init: {name} of {file} is another network than {role} of {self.args.network} "
                    f"({wrong[0]}); use the --network and --network_args that it was made with"
                )
            found.append((role, part))
        if not found:
            raise UserError(f"--init: {file} has none of {', '.join(own)}; use another checkpoint")
        return found

    def take_weights(self, modules, file, *names):
        """Takes over the networks that check_weights gives; averages start from them."""
        for role, part in self.check_weights(modules, file, *names):
            getattr(self, role).load_state_dict(part)
            if role in self.averaged:
                self.sampling_net(role).load_state_dict(part)
        self.refresh_caches(self)

    def with_averages(self, modules):
        """The entries of a captured state with the averages that are kept here, and no others."""
        kept = dict(modules)
        for role in self.roles + self.optional_roles:
            own, average = f"{role}.", f"{role}_ema."
            there = [name for name in modules if name.startswith(average)]
            if role not in self.averaged:
                for name in there:
                    del kept[name]
            elif not there:
                plain = {n: value for n, value in modules.items() if n.startswith(own)}
                kept |= {average + n.removeprefix(own): value for n, value in plain.items()}
        return kept

    def with_methods(self, modules):
        """The entries of a captured state, those of methods (penalties, augmentation, histories) as the flags
        have them: what the state lacks is as it is here, what is not used here is left."""
        of_method = lambda name: name.split(".")[0] in self.methods
        own = {name: value for name, value in self.state_dict().items() if of_method(name)}
        kept = {name: value for name, value in modules.items() if not of_method(name)}
        return kept | {name: modules.get(name, value) for name, value in own.items()}

    def restore(self, state):
        """Takes over a captured state. Raises UserError when it is that of other networks.

        Averages follow --ema: one that the state lacks starts from its network, one that is not kept is left.
        So do states of methods, which start afresh where the state lacks them.
        """
        modules = self.with_methods(self.with_averages(state["modules"]))
        for name in self.per_process:
            entries = modules[name]
            modules[name] = entries[distributed.rank() % len(entries)]
        try:
            self.load_state_dict(modules)
            for name, optim in self.optims.items():
                # moments from the checkpoint, hyperparameters from the flags
                groups, saved = optim.state_dict()["param_groups"], state["optims"][name]
                own, there = (sum(len(g["params"]) for g in each) for each in (groups, saved["param_groups"]))
                if own != there:  # load_state_dict would give parameters the moments of others
                    raise ValueError(f"optimiser {name} had {there} parameters, and has {own}")
                optim.load_state_dict(saved | {"param_groups": groups})
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"--resume: the checkpoint is of other networks ({str(error).splitlines()[-1].strip()}); "
                "use the flags it was made with, or --init to take weights alone"
            ) from error
        self.refresh_caches(self)


def weighted(terms):
    """{name: weight times value} of terms {name: value, or (weight, value)}."""
    pairs = {name: term if isinstance(term, tuple) else (None, term) for name, term in terms.items()}
    return {name: value if weight is None else weight * value for name, (weight, value) in pairs.items()}


def with_more(terms, more):
    """The terms, or the function that gives them, and those that more() gives."""
    return (lambda *batch: terms(*batch) | more()) if callable(terms) else terms | more()


def means_of(terms):
    """({name: mean}, {name_raw: detached mean without the weight} of those that have one) of terms: see
    Trainer.update."""
    pairs = {name: term for name, term in terms.items() if isinstance(term, tuple)}
    raw = {f"{name}_raw": value.detach().mean() for name, (_, value) in pairs.items()}
    return {name: value.mean() for name, value in weighted(terms).items()}, raw


def parts(x, n):
    """n slices of a batch, fresh images for each of a step's updates; of one too small to give each two
    images, all of it n times."""
    return x.tensor_split(n) if len(x) >= 2 * n else [x] * n
