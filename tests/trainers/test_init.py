"""--init and --freeze_d: starting from another run's weights."""

import types

import pytest
import torch

from engine import setup
from engine.errors import UserError
from networks.layers import Staged
from tests.running import assert_equal, mode, newest, train

STEP = "s0/checkpoints/step_00000003.pt"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    assert train(folder, "--max_steps=3", "--ema=0.5", "--name=old") == 0
    return folder


PARAMETERS = "weight", "bias", "original"  # other entries are buffers


def weights(save_path, name, role):
    modules = newest(save_path, name)["modules"]
    return {n.removeprefix(role + "."): v for n, v in modules.items() if n.startswith(role + ".")}


def start(old, tmp_path, *words):
    """A run of no steps but the checkpoint at its end: what it begins with."""
    assert train(tmp_path, "--init", old / "old" / STEP, *words) == 0
    return newest(tmp_path)


@pytest.mark.parametrize("source", ["gen", "gen_ema"])
def test_weights_without_optimisers_or_step(old, tmp_path, source):
    words = () if source == "gen" else ("gen_ema", "disc")
    state = start(old, tmp_path, *words, "--max_steps=1", "--update_g_every=1", "--lr=1e-30", "--ema=0.9")
    assert state["step"] == 1
    for role, wanted in (("gen", source), ("gen_ema", source), ("disc", "disc")):
        had = weights(old, "old", wanted)
        for name, value in weights(tmp_path, "deleteme", role).items():
            if name.endswith(PARAMETERS):
                assert torch.allclose(value, had[name], atol=1e-6), (role, name)
    moments = newest(old, "old")["optims"]["gen"]["state"][0]["exp_avg"]
    assert not torch.equal(state["optims"]["gen"]["state"][0]["exp_avg"], moments)
    assert int(state["optims"]["gen"]["state"][0]["step"]) == 1


def test_one_role_leaves_the_others_as_they_were(old, tmp_path):
    start(old, tmp_path, "disc", "--max_steps=1", "--lr=1e-30")
    assert train(tmp_path, "--max_steps=1", "--lr=1e-30", "--name=afresh") == 0
    a, b = (weights(tmp_path, name, "gen") for name in ("deleteme", "afresh"))
    # biases that begin at 0 are of the size of the learning rate
    assert all(torch.allclose(a[n], b[n], rtol=0, atol=1e-20) for n in a if n.endswith(PARAMETERS))
    a, b = (weights(tmp_path, name, "disc") for name in ("deleteme", "afresh"))
    assert any(not torch.equal(a[name], b[name]) for name in a)


def test_a_run_that_began_so_is_resumed_bit_for_bit_without_the_file(old, tmp_path):
    copy = tmp_path / "copy.pt"
    copy.write_bytes((old / "old" / STEP).read_bytes())
    words = "--init", copy
    assert train(tmp_path, *words, "--max_steps=4", "--name=whole") == 0
    assert train(tmp_path, *words, "--max_steps=2") == 0
    copy.unlink()
    assert train(tmp_path, *words, "--max_steps=4", "--resume=auto") == 0
    assert_equal(newest(tmp_path), newest(tmp_path, "whole"))


def test_what_does_not_fit_is_refused(old, tmp_path):
    file = old / "old" / STEP
    with pytest.raises(UserError, match="--init: given enc; the run has gen, disc, .*disc, gen, gen_ema"):
        train(tmp_path, "--init", file, "enc")
    with pytest.raises(UserError, match="--init: gen of .* is another network than gen of networks/small.py"):
        train(tmp_path, "--init", file, "--network_args", "width=12", "--name=wide")
    with pytest.raises(UserError, match="--init: .*nothing.pt: No such file"):
        train(tmp_path, "--init", tmp_path / "nothing.pt", "--name=nothing")
    with pytest.raises(UserError, match="--init: given with --resume=PATH"):
        train(tmp_path, "--init", file, f"--resume={file}")
    (tmp_path / "text.pt").write_text("no checkpoint" * 20)
    with pytest.raises(UserError, match="--init: .*text.pt: no sha256 at its end"):
        train(tmp_path, "--init", tmp_path / "text.pt", "--name=text")
    with pytest.raises(UserError, match="--init: given enc"):
        train(tmp_path, "--init", file, "enc", "--dry_run")
    assert not list(tmp_path.glob("*/*/flags.json"))  # nothing is begun


def test_roles_may_follow_an_equals_sign(old, tmp_path):
    assert train(tmp_path, f"--init={old / 'old' / STEP}", "gen_ema", "--max_steps=1", "--lr=1e-30") == 0
    had, have = weights(old, "old", "gen_ema"), weights(tmp_path, "deleteme", "gen")
    assert all(torch.allclose(have[n], had[n], atol=1e-6) for n in had if n.endswith(PARAMETERS))
    assert train(tmp_path, f"--init={old / 'old' / STEP}", "gen_ema", "--dry_run") == 0


def test_modes_of_such_a_run_do_not_read_the_file(old, tmp_path):
    copy = tmp_path / "copy.pt"
    copy.write_bytes((old / "old" / STEP).read_bytes())
    assert train(tmp_path, "--init", copy, "--max_steps=1") == 0
    copy.unlink()
    assert mode(tmp_path, "--mode=sample", "--name=deleteme", "--cpu") == 0


def test_frozen_stages_stay_and_the_others_move(old, tmp_path):
    assert train(tmp_path, "--init", old / "old" / STEP, "--freeze_d=1", "--max_steps=3") == 0
    had, have = weights(old, "old", "disc"), weights(tmp_path, "deleteme", "disc")
    parameters = {n for n in had if n.endswith(PARAMETERS)}
    moved = {n for n in parameters if not torch.equal(had[n], have[n])}
    assert moved and moved == {n for n in parameters if not n.startswith("stages.0.")}
    gen, was = weights(tmp_path, "deleteme", "gen"), weights(old, "old", "gen")
    assert any(not torch.equal(gen[n], was[n]) for n in gen)


def test_more_stages_than_there_are_cannot_be_frozen(tmp_path):
    with pytest.raises(UserError, match=r"--freeze_d: given 9, disc of .* has 4 stages; must be at most 3"):
        train(tmp_path, "--freeze_d=9", "--max_steps=1")


def test_moments_are_not_taken_for_other_parameters(old, tmp_path):
    with pytest.raises(UserError, match="optimiser disc had 8 parameters, and has 6.*--init"):
        train(tmp_path, f"--resume={old / 'old' / STEP}", "--freeze_d=1", "--max_steps=4")


def test_networks_that_cannot_be_frozen(tmp_path):
    nets = {"gen": torch.nn.Linear(2, 2), "disc": torch.nn.Linear(2, 1)}
    args = types.SimpleNamespace(freeze_d=1, network="mine.py")
    with pytest.raises(UserError, match="--freeze_d: given 1, disc of mine.py has no stages; use a networks"):
        setup.freeze(nets, args)
    nets["disc"] = Staged(torch.nn.Linear(2, 1), torch.nn.Flatten(0))
    with pytest.raises(UserError, match="disc of mine.py has 2 stages; must be at most 0"):
        setup.freeze(nets, args)
    with pytest.raises(UserError, match="--freeze_d: given 1, mine.py has no discriminator; leave it out"):
        setup.freeze({"gen": nets["gen"]}, args)
    nets["disc"] = Staged(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    setup.freeze(nets, args)
    assert [p.requires_grad for p in nets["disc"].parameters()] == [False, False, True, True]
    assert all(p.requires_grad for p in nets["gen"].parameters())
