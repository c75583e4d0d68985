"""Dist-GAN and SSGAN in two processes (gloo) against one: losses of batch means are of the whole batch's."""

import pytest
import torch

from tests.processes import gradients_agree
from tests.running import assert_equal, newest
from tests.trainers.test_dist_gan import RUN, SIZE, Z
from tests.trainers.test_processes import torchrun

CASES = [
    ("--self_supervised=ms", "--lambda_g=0.5", "--lambda_r=3"),
    ("--self_supervised=ss", "--lambda_g=0.5", "--g_task=help", "--ae_updates=enc+gen", "--loss=log"),
    ("--reg_features=real", "--ae_updates=enc+gen", "--phi=data", "--lambda_r=3"),
]


def gradients(part, watch, batch=8):
    """The three updates of Dist-GAN for each case, and SSGAN's two, on fixed inputs and draws."""
    from losses import penalties
    from tests.trainers import test_dist_gan as one

    draw, part = torch.Generator().manual_seed(3), part(batch)
    x, eps = (
        torch.rand(batch, 1, SIZE, SIZE, generator=draw) * 2 - 1,
        torch.rand(batch, 1, 1, 1, generator=draw),
    )
    z = torch.rand(batch, Z, generator=draw) * 2 - 1
    penalties.uniform = lambda given: eps[part]

    def fixed(t, case):
        t.eval().noise = lambda n: z[part]
        t.pool = lambda n, classes: (torch.arange(n), (torch.arange(batch) % classes)[part])
        return watch(t, case)

    for case, words in enumerate(CASES):
        t = fixed(
            one.trainer(
                *words,
                classes=5 if "--self_supervised=ms" in words else 4 if "--self_supervised=ss" in words else 0,
            ),
            case,
        )
        t.ae_step(x[part])
        t.update("disc", t.d_terms(x[part]))
        t.update("gen", t.g_terms(x[part]))
    t = fixed(one.self_supervised("--g_task=match", "--lambda_g=0.5"), "ssgan")
    with torch.no_grad():
        fake = t.gen(z[part])
    t.update("disc", t.d_terms(x[part], fake))
    t.update("gen", t.g_terms(x[part], t.gen(z[part])))


def test_two_processes_average_to_the_gradient_of_the_whole_batch(tmp_path):
    found = gradients_agree(gradients, tmp_path, atol=1e-6, rtol=2e-3)
    assert found == {f"{case}/{name}" for case in range(len(CASES)) for name in ("ae", "disc", "gen")} | {
        "ssgan/disc",
        "ssgan/gen",
    }


@pytest.mark.slow
def test_two_processes_resume_bit_for_bit(tmp_path):
    torchrun(tmp_path, "--name=whole", "--max_steps=6", *RUN)
    torchrun(tmp_path, "--name=parts", "--max_steps=2", *RUN)
    torchrun(tmp_path, "--name=parts", "--max_steps=6", "--resume=auto", *RUN)
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))
