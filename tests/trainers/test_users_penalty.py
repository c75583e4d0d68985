"""--penalty PATH: LeCam as a user's file, with state, mixup, resumption and skipped updates."""

import os
import shutil

import pytest
import torch

from engine.errors import UserError
from losses.penalties import Context
from tests.running import ROOT, assert_equal, newest, train
from tests.trainers.test_gan import batch, trainer

FILE = os.path.join(ROOT, "tests", "trainers", "lecam.py")
COMMON = [
    f"--iterator={ROOT}/tests/made.py",
    "--iterator_args",
    "size=8",
    "channels=1",
    f"--network={ROOT}/networks/small.py",
    "--network_args",
    "width=4",
    "--batch_size=8",
    "--z_dim=5",
    "--log_every=1",
    "--samples=4",
]


def test_it_is_at_most_25_lines_and_its_term_is_the_formula():
    with open(FILE, encoding="utf8") as file:
        assert len(file.readlines()) <= 25
    t = trainer("--penalty", f"{FILE}=0.3")
    real, fake = batch()["x"], -batch()["x"]
    terms = t.d_terms(real, fake)
    d_real, d_fake = t.disc(real).detach(), t.disc(fake).detach()
    averages = 0.01 * d_real.mean(), 0.01 * d_fake.mean()
    expected = (d_real - averages[1]) ** 2 + (d_fake - averages[0]) ** 2
    weight, value = terms["lecam"]
    assert weight == 0.3 and torch.allclose(value, expected, atol=1e-5)
    assert t.twice_differentiated == ()  # so D may be compiled


@pytest.mark.parametrize("mixup", ("none", "pixel", "hidden", "0,3"))
def test_it_composes_and_resumes_bit_for_bit(tmp_path, mixup):
    file = shutil.copy(FILE, tmp_path / "lecam.py")
    words = [*COMMON, f"--mixup={mixup}", "--penalty", "r1=0.1", f"{file}=0.3"]
    assert train(tmp_path / "whole", "--max_steps=5", *words) == 0
    assert train(tmp_path / "parts", "--max_steps=2", *words) == 0
    assert train(tmp_path / "parts", "--max_steps=5", "--resume=auto", *words) == 0
    whole, parts = newest(tmp_path / "whole"), newest(tmp_path / "parts")
    assert_equal(whole["modules"], parts["modules"])
    assert whole["modules"]["penalties.stateful.lecam.real"] != 0
    file.write_text(file.read_text().replace("0.99", "0.9"))  # it is compared like the other files


def test_a_penalty_without_state_adds_no_key():
    assert not any("penalt" in name for name in trainer("--penalty", "r1=0.1", "gp=1").state_dict())


def test_a_skipped_update_leaves_its_buffers():
    t = trainer("--penalty", f"{FILE}=0.3")
    t.on_step_start(0)
    t.step(batch(), 0)
    before = {name: b.clone() for name, b in t.penalties.named_buffers()}
    t.step({"x": torch.full_like(batch()["x"], float("nan"))}, 1)
    assert int(t.bad_steps[1]) > 0 and len(before) == 2
    for name, b in t.penalties.named_buffers():
        assert torch.equal(b, before[name]), name
    t.step(batch(), 2)
    assert all(not torch.equal(b, before[name]) for name, b in t.penalties.named_buffers())


def test_a_stateless_function_of_a_users_file(tmp_path):
    path = tmp_path / "shrink.py"
    path.write_text("def get_penalty():\n return lambda context: context.logits('fake').square()\n")
    t = trainer("--mixup=pixel", "--mixup_label=soft", "--penalty", f"{path}=2")
    real = batch()["x"]
    weight, value = t.d_terms(real, -real)["shrink"]  # D(fake) is computed although the mix alone is judged
    assert weight == 2 and torch.allclose(value, t.disc(-real).square(), atol=1e-5)


def test_what_is_no_penalty_is_refused(tmp_path):
    (tmp_path / "r1.py").write_text("def get_penalty():\n return 3\n")
    with pytest.raises(UserError, match="--penalty: get_penalty of .*r1.py gives int"):
        trainer("--penalty", f"{tmp_path}/r1.py=1")
    (tmp_path / "gp.py").write_text("def get_penalty():\n return lambda context: context.real.sum()\n")
    with pytest.raises(UserError, match="--penalty: given two penalties called gp; rename the file"):
        trainer("--penalty", "gp=1", f"{tmp_path}/gp.py=1")
    with pytest.raises(
        UserError, match="--penalty: given nothing=1; use gp, r1, r2, dragan, .*, or the path"
    ):
        trainer("--penalty", "nothing=1")


def test_a_context_computes_logits_once():
    calls = []
    x = torch.ones(2, 3)
    context = Context(lambda x: calls.append(1) or x.sum(1), x, -x)
    assert torch.equal(context.logits("real"), context.logits("real")) and len(calls) == 1
    with pytest.raises(KeyError):
        context.logits("mix")
