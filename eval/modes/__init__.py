"""What --mode can do with a restored run: functions of (trainer, data, run, args) that return an exit code.

data: {split: DataIterator}, made when first looked into. Each module declares the flags that its modes read.
"""

from engine.flags import checkpoint_name
from eval.modes import autoencoder, export, gan, translation

MODES = gan.MODES | autoencoder.MODES | translation.MODES | export.MODES
SHARED = ("sample", "evaluate")  # what several processes can do together; other modes are for one


def add_flags(declare):
    """Declares the flags of all modes; declare(*modes) is the group of those that these modes read."""
    declare(*(name for name in MODES if name != "animate")).add_argument(
        "--at",
        type=checkpoint_name,
        kept=False,
        default="latest",
        help="checkpoint to restore: latest, best or a step; for --mode=evaluate also all (default latest)",
    )
    for module in (gan, autoencoder, translation):
        module.add_flags(declare)
