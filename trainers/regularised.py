"""What regularises a GAN beside its losses: what D is shown, what acts on parameters, and what changes with
time."""

import math

import torch
from torch import nn

from engine import accumulation, distributed
from engine.errors import UserError
from engine.flag_types import weight
from losses.averaging import History
from losses.parameters import clip, matrices, orthogonality
from trainers import annealing, augmented
from trainers.base import Trainer, with_more
from trainers.penalised import G_ROWS, penalties_of


def add_flags(group):
    """Declares the flags of what acts on parameters."""
    group.add_argument(
        "--historical_averaging",
        type=weight,
        default=0.0,
        help="weight of |theta - mean of theta so far|^2 in each update of either player (default 0)",
    )
    for player in ("g", "d"):
        group.add_argument(
            f"--{player}_ortho",
            type=weight,
            default=0.0,
            help=f"weight of orthogonal regularisation of {player.upper()} (default 0; 1e-4 in Brock et al. "
            "2019)",
        )
    group.add_argument(
        "--weight_clip",
        type=weight,
        default=0.0,
        help="bound that D's parameters are cut to after each update of D (default 0: none; 0.01 in Arjovsky "
        "et al. 2017)",
    )


class Regularised(Trainer):
    """A Trainer of gen and disc with the flags of augmented.py and annealing.py, and historical averages.

    A subclass gives `augment` to judge_of, gives the context of its
    penalties to regularisers(), and calls ready() once it has its penalties and optimisers.
    """

    methods = ("penalties", "g_penalties", "augmentation", "apa", "histories")

    def __init__(self, nets, args):
        super().__init__(nets, args)
        changed = args.diffaugment or args.ada != "none" or args.instance_noise > 0
        self.augmentation = augmented.Augmentation(args) if changed else None
        self.apa = augmented.adaptive(args) if args.apa else None
        found = {"ada": self.augmentation and self.augmentation.adaptive, "apa": self.apa}
        self.adaptive = {name: each for name, each in found.items() if each is not None}
        self.penalty_sets += self.adaptive.values()
        self.ortho = {"gen": args.g_ortho, "disc": args.d_ortho}
        self.noted = {}  # logged beside the losses

    def ready(self):
        """Checks the flags, and with --historical_averaging keeps the mean of each player's parameters so
        far."""
        augmented.check(self)
        annealing.check(self)
        self.first_weights = dict(self.penalties.weights)
        if self.args.historical_averaging > 0:
            players = {name: History(self.parameters_of(name)) for name in ("gen", "disc")}
            self.histories = nn.ModuleDict(players)

    def penalise_g(self, weights):
        """The Penalties of --g_penalty's words: terms of G's loss, functions of a GContext."""
        penalties = penalties_of(weights, self.args, G_ROWS, "--g_penalty")
        self.penalty_sets.append(penalties)
        penalties.check(self)
        return penalties

    # --- what D is shown

    def augment(self, x, player):
        """T x of images [N, C, H, W] that D is shown in a step of `player`, "gen" or "disc"; T as the flags
        of augmentation say, drawn afresh at each call."""
        if self.augmentation is None:
            return x
        return self.augmentation(x, self.generator(f"augment {player}"))

    def check_accumulate(self):
        """Trainer.check_accumulate, and what looks at all logits of a batch."""
        if self.args.top_k < 1:
            given = f"--accumulate={self.args.accumulate}"
            raise UserError(f"{given}: --top_k picks among the whole batch; use --accumulate=1")
        super().check_accumulate()

    def regularisers(self, context):
        """The terms of the penalties, {name: (weight, value)}; D's logits of real images move adaptive
        probabilities."""
        terms = self.penalties(context)
        if self.adaptive:
            with torch.no_grad():
                logits = context.known.get("real")
                self.move_probabilities(context.disc(context.real) if logits is None else logits)
        return terms

    def move_probabilities(self, logits):
        """Moves adaptive probabilities by D's logits [n] of real images; with --accumulate once, by those of
        all parts."""
        share, first, last = accumulation.place()
        signs = share * logits.sign().mean()
        self.signs = signs if first else self.signs + signs
        if not last:
            return
        (r,) = distributed.average([self.signs], self.share)
        self.noted["disc/r_t"] = r
        for name, each in self.adaptive.items():
            each.observe(r, self.args.batch_size, self.now)
            self.noted[f"{name}/p"] = each.p.clone()

    def top(self, values, logits):
        """Of the values [N] of G's loss, those at the k highest of its logits [N]: k = max(gamma^epoch, nu)
        N, rounded up. Sinha et al. 2020, Algorithm 1. In several processes, of each process's own."""
        least, gamma = self.args.top_k, self.args.top_k_gamma
        if least == 1:
            return values
        part = max(gamma ** (self.now // self.args.steps_per_epoch), least)
        return values[logits.topk(math.ceil(part * len(logits)), sorted=False).indices]

    # --- what changes with the images seen

    def annealed(self, name, base):
        """The value at this step of a setting that begins at `base`."""
        args = self.args
        if name not in args.anneal:
            return base
        images = self.now * args.batch_size
        return annealing.annealed(base, args.anneal[name], images, args.anneal_images, args.anneal_form)

    def on_step_start(self, step, share=1.0):
        """Trainer.on_step_start, and the settings of --anneal."""
        super().on_step_start(step, share)
        self.noted = {}
        if self.args.anneal:
            self.set_annealed()
        if self.halves and "gen" in self.averaged:
            # G moves once in update_g_every steps, and its average with it
            images = self.args.batch_size * self.args.update_g_every
            half = max(self.annealed("ema_images", self.args.ema_images), 1e-8)
            self.averaged["gen"] = 0.5 ** (images / half)

    def set_annealed(self):
        """Learning rates, beta2, weights of penalties, p and noise of this step."""
        own_lr = self.args.disc_lr > 0
        for name, optim in self.optims.items():
            for group in optim.param_groups:
                rate = "disc_lr" if own_lr and name == "disc" else "lr"
                group["lr"] = self.annealed(rate, group["lr"])
                group["betas"] = group["betas"][0], self.annealed("beta2", self.args.beta2)
        for name, first in self.first_weights.items():
            self.penalties.weights[name] = self.annealed(name, first)
        if self.augmentation is not None:
            self.augmentation.fixed_p = self.annealed("ada_p", self.args.ada_p)
            self.augmentation.noise = self.annealed("instance_noise", self.args.instance_noise)

    @property
    def halves(self):
        """Whether the averaged generator has a half-life in images."""
        return self.args.ema_images > 0 or "ema_images" in self.args.anneal

    def average_generator(self):
        """The averaged generator of --ema or --ema_images, whose decay on_step_start sets."""
        self.average("gen", 1.0 if self.halves else self.args.ema)

    def step(self, batch, step):
        """Trainer.step; the log has adaptive probabilities, and r_t, too."""
        return super().step(batch, step) | self.noted

    # --- what acts on parameters

    def update(self, name, terms, *batch):
        """Trainer.update with the terms on the player's parameters, and D's weights clipped after it.

        Each update of a player is a step of its history.
        """
        if self.args.historical_averaging > 0:
            history, parameters = self.histories[name], self.parameters_of(name)
            history.visit(parameters)
            penalty = lambda: {"history": (self.args.historical_averaging, history.penalty(parameters))}
            terms = with_more(terms, penalty)
        if self.ortho[name] > 0:
            ortho = lambda: {"ortho": (self.ortho[name], orthogonality(matrices(self.owned[name])))}
            terms = with_more(terms, ortho)
        log = super().update(name, terms, *batch)
        if name == "disc" and self.args.weight_clip > 0:
            clip(self.parameters_of(name), self.args.weight_clip)
            self.refresh_caches(self.disc)
        return log
