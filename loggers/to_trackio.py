"""--log_to loggers/to_trackio.py: trackio, on this machine, in <run>/trackio, or where TRACKIO_DIR says.

Needs pip install trackio. `TRACKIO_DIR=<run>/trackio trackio show` shows it.
"""

import os


def start(folder, flags, step):
    """A trackio run; a start that resumes goes on with it."""
    os.environ.setdefault("TRACKIO_DIR", os.path.join(folder, "trackio"))
    import trackio

    return trackio.init(
        project="gan-mixup",
        name=f"{flags['name']}-s{flags['seed']}",
        config=flags,
        resume="allow",
        embed=False,
    )


def log(run, step, values, pictures):
    """Scalars and pictures."""
    import trackio

    trackio.log({**values, **{name: trackio.Image(path) for name, path in pictures.items()}}, step=step)


def stop(run, state):
    """Writes what is left."""
    import trackio

    trackio.finish()
