"""What --mode can do with a classifier: functions of (trainer, data, run, args), see __init__.py."""

import os

import numpy as np
import torch

from engine.errors import UserError


def predict(trainer, data, run, args):
    """Class probabilities of the test split, in its order: <run>/predict/step<step>.npz.

    probabilities: float32 [n, K], labels: int64 [n]. python -m eval.ensemble averages those of several runs.
    """
    if getattr(trainer, "classify", None) is None:
        raise UserError(
            f"--mode=predict: {args.trainer} has no classify(x); "
            "use it for a run of trainers/semi_supervised.py"
        )
    step = run.restore(trainer)
    path = os.path.join(run.folder, args.mode, f"step{step:08d}.npz")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    probabilities, labels = [], []
    with trainer.evaluating():
        for batch in data["test"]:
            probabilities.append(trainer.classify(batch["x"]).softmax(1).float().cpu())
            labels.append(batch["y"].cpu())
    probabilities, labels = torch.cat(probabilities), torch.cat(labels)
    np.savez(path, probabilities=probabilities.numpy(), labels=labels.numpy())
    wrong = float((probabilities.argmax(1) != labels).double().mean())
    print(f"test error {wrong:.4f} of {len(labels)} images at step {step}: {path}")
    return 0


MODES = {"predict": predict}
