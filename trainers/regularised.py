"""What regularises a GAN beside its losses: what D is shown, and what acts on parameters."""

import torch

from losses.averaging import History
from trainers.augmented import augmentation_of
from trainers.base import Trainer


class Regularised(Trainer):
    """A Trainer whose D may see augmented images, and whose players may have historical averages.

    A subclass gives `augment` to judge_of, and calls keep_histories() once it has its optimisers.
    """

    def __init__(self, nets, args):
        super().__init__(nets, args)
        self.augmentation = augmentation_of(args)

    def augment(self, x, player):
        """T x of images [N, C, H, W] that D is shown in a step of `player`, "gen" or "disc"; T as the flags
        of augmentation say, drawn afresh at each call."""
        if self.augmentation is None:
            return x
        return self.augmentation(x, self.generator(f"augment {player}"))

    def keep_histories(self):
        """With --historical_averaging: the mean of each player's parameters so far."""
        if self.args.historical_averaging > 0:
            players = {name: History(self.parameters_of(name)) for name in ("gen", "disc")}
            self.histories = torch.nn.ModuleDict(players)

    def update(self, name, terms):
        """Trainer.update and historical averaging: each update of a player is a step of its history."""
        if self.args.historical_averaging > 0:
            history, parameters = self.histories[name], self.parameters_of(name)
            history.visit(parameters)
            terms = terms | {"history": (self.args.historical_averaging, history.penalty(parameters))}
        return super().update(name, terms)
