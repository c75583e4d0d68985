"""What --mode can do with a trained run: functions of (trainer, data, run, args) that return an exit code. `data` is a function: call it if needed."""
import os

from engine import record
from engine.errors import UserError
from engine.randomness import seeded


def sample(trainer, data, run, args):
    """Draws --samples images from the newest checkpoint (or --resume=PATH) and writes them to --out: a .png grid, a .npz array
    "images" uint8 [n, H, W, C], or a folder of numbered PNGs. The i-th image does not depend on how many are drawn."""
    step = run.restore(trainer)
    out = args.out or os.path.join(run.folder, f"samples_{step:08d}.png")
    kind = os.path.splitext(out)[1].lower()
    if kind not in ("", ".png", ".npz"):
        raise UserError(f"--out: given {out}; a .png, a .npz or a folder would do")
    if os.path.exists(out) and (kind or os.listdir(out)):
        raise UserError(f"--out: {out} exists; another path would do")
    images = draw(trainer, args.samples, args.seed)
    os.makedirs(os.path.dirname(os.path.abspath(out)) if kind else out, exist_ok=True)
    if kind == ".png":
        record.grid(images).save(out)
    elif kind == ".npz":
        import numpy as np
        np.savez(out, images=record.to_uint8(images).permute(0, 2, 3, 1).numpy())
    else:
        from PIL import Image
        for i, image in enumerate(record.to_uint8(images)):
            Image.fromarray(image.permute(1, 2, 0).squeeze(2).numpy() if len(image) == 1 else image.permute(1, 2, 0).numpy()).save(
                os.path.join(out, f"{i:06d}.png"))
    print(f"{args.samples} images of {run.folder} at step {step}: {out}")
    return 0


def draw(trainer, n, seed, batch=256):
    """n images [n, C, H, W] in [-1, 1] on the CPU, in evaluation mode, from noise that depends on (seed, number of the batch)."""
    import torch
    images = []
    with trainer.evaluating():
        for start in range(0, n, batch):
            with seeded(seed, "draw", start):
                images.append(trainer.sample(batch)[:n - start].cpu())
    return torch.cat(images)


MODES = {"sample": sample}
