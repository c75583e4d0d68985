"""Modes whose results carry the step: done for each checkpoint that --at names."""

import functools

from engine.errors import UserError
from engine.flags import count
from engine.randomness import seeded
from eval.metrics import probe

# for runs of what trainers a mode is that needs this method
OFFERED_BY = {
    "encode": "trainers/amr.py or another autoencoder",
    "decode": "trainers/amr.py or another autoencoder",
    "blend": "trainers/class_mixing.py",
    "to_b": "trainers/cyclegan.py",
    "generate": "a GAN's trainer, such as trainers/gan.py",
}


SAMPLING = ("sample", "evaluate", "interpolate", "neighbours")  # modes that draw images from noise


def add_flags(declare):
    """Declares the flag of all modes that draw images from noise."""
    declare(*SAMPLING).add_argument(
        "--standing_stats",
        type=count,
        kept=False,
        default=0,
        help="batches of noise, of --batch_size, whose mean statistics the generator's batch norms use in "
        "place of training's running averages (default 0: those; Brock et al. 2019: 100)",
    )


def standing_statistics(trainer, args):
    """Gives the generator's batch norms the mean statistics of --standing_stats batches of its own images,
    where that is not 0: the same in every process. Brock et al. 2019 (BigGAN), appendix B.

    Raises UserError for a trainer without a generator, or one without batch norm.
    """
    if not args.standing_stats:
        return
    if trainer.generate is None or "gen" not in trainer.roles:
        raise UserError(f"--standing_stats: {args.trainer} has no generator; leave it out")
    gen, batches = trainer.sampling_net("gen"), range(args.standing_stats)
    if not any(getattr(part, "running_mean", None) is not None for part in gen.modules()):
        raise UserError(f"--standing_stats: the generator of {args.network} has no batch norm; leave it out")
    with trainer.evaluating(), seeded(args.seed, "standing"):
        probe.estimate_batch_norm(gen, batches, lambda batch: trainer.sample(args.batch_size))


def standing_words(args):
    """What the names of scores say of --standing_stats."""
    return f", {args.standing_stats} standing batches" if args.standing_stats else ""


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
                standing_statistics(trainer, args)
                mode(trainer, data, run, args, step)
            return 0

        return each

    return decorate
