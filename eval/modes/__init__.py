"""What --mode can do with a restored run: functions of (trainer, data, run, args) that return an exit code.

data: {split: DataIterator}, made when first looked into. Each module declares the flags that its modes read.
"""

from engine.flags import checkpoint_name
from eval.modes import (
    autoencoder,
    classifying,
    codes,
    data,
    export,
    gan,
    latents,
    real,
    restoring,
    translation,
)

MODES = gan.MODES | latents.MODES | autoencoder.MODES | codes.MODES | translation.MODES | classifying.MODES
MODES |= data.MODES | real.MODES | export.MODES
ALONE = ("data", "real")  # need no run: trainer and run are None
RESTORE_NONE = ("animate", "data", "real", "interp_pixel_train", "interp_pixel_valid")  # take no checkpoint
SHARED = ("sample", "evaluate")  # what several processes can do together; other modes are for one


def add_flags(declare):
    """Declares the flags of all modes; declare(*modes) is the group of those that these modes read."""
    declare(*(name for name in MODES if name not in RESTORE_NONE)).add_argument(
        "--at",
        type=checkpoint_name,
        kept=False,
        default="latest",
        help="checkpoint to restore: latest, best, a step, or all, one after another (default latest)",
    )
    declare("invert", "translate").add_argument(
        "--images", kept=False, default="", help="a folder or .zip of pictures to invert or translate"
    )
    for module in (restoring, gan, latents, autoencoder, codes, real, translation):
        module.add_flags(declare)
