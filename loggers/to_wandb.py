"""--log_to loggers/to_wandb.py: Weights & Biases, offline unless WANDB_MODE says otherwise.

Needs pip install wandb. Files go to <run>/wandb; `wandb sync` sends them. WANDB_PROJECT names the project.
"""

import hashlib
import os


def start(folder, flags, step):
    """A W&B run; a start that resumes goes on with it."""
    import wandb

    os.environ.setdefault("WANDB_MODE", "offline")
    os.environ.setdefault("WANDB_SILENT", "true")
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", "gan-mixup"),
        name=f"{flags['name']}/s{flags['seed']}",
        id=hashlib.sha256(folder.encode()).hexdigest()[:16],
        resume="allow",
        dir=folder,
        config=flags,
    )


def log(run, step, values, pictures):
    """Scalars and pictures against `step`, an axis of its own: records and pictures of a step come apart."""
    import wandb

    images = {name: wandb.Image(path) for name, path in pictures.items()}
    run.log({"step": step, **values, **images})


def stop(run, state):
    """Writes what is left."""
    run.finish(exit_code=int(state in ("failed", "diverged")))
