"""Modes whose results carry the step: done for each checkpoint that --at names."""

import functools

from engine.errors import UserError

# for runs of what trainers a mode is that needs this method
OFFERED_BY = {
    "encode": "trainers/amr.py or another autoencoder",
    "decode": "trainers/amr.py or another autoencoder",
    "blend": "trainers/class_mixing.py",
    "to_b": "trainers/cyclegan.py",
    "generate": "a GAN's trainer, such as trainers/gan.py",
}


def check_offers(trainer, args, needs):
    """Raises UserError for a trainer that lacks the method `needs`, without which the mode makes no sense."""
    if getattr(trainer, needs) is None:
        raise UserError(
            f"--mode={args.mode}: {args.trainer} has no {needs}(...); use it for a run of {OFFERED_BY[needs]}"
        )


def for_each_checkpoint(needs=None):
    """Decorates a mode(trainer, data, run, args, step), which writes under names with the step: the result, a
    mode (trainer, data, run, args), calls it for each checkpoint of --at, once the trainer has taken that
    over.

    needs: the method without which the mode makes no sense. Raises UserError for a trainer that lacks it.
    """

    def decorate(mode):
        @functools.wraps(mode)
        def each(trainer, data, run, args):
            if needs:
                check_offers(trainer, args, needs)
            for step in run.restore_each(trainer):
                mode(trainer, data, run, args, step)
            return 0

        return each

    return decorate
