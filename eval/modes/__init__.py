"""What --mode can do with a restored run: functions of (trainer, data, run, args) that return an exit code."""

from eval.modes import autoencoder, gan, translation

MODES = gan.MODES | autoencoder.MODES | translation.MODES
SHARED = ("sample", "evaluate")  # what several processes can do together; other modes are for one
