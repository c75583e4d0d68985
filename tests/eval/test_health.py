"""--health: each measure against a closed form; looks that change no bit of a run; sentences."""

import json
import math

import pytest
import torch
from torch import nn

from engine.adam import Adam
from eval.metrics import health, usual
from networks.layers import spectral
from tests.running import SMALL, assert_equal, launch, mode, newest, train

NETWORK_ARGS = "--network_args"


def test_accuracies_at_a_boundary_and_halfway():
    real, fake = torch.tensor([-1.0, 0.5, 1.0, 2.0]), torch.tensor([-2.0, 0.25, -0.5])
    found = health.accuracies(real, fake)
    assert found == {"accuracy_real": 3 / 4, "accuracy_fake": 2 / 3, "accuracy_both": (3 / 4 + 2 / 3) / 2}
    assert health.accuracies(real, fake, 0.5)["accuracy_real"] == 2 / 4  # the boundary itself is on no side
    shifted = health.accuracies(real + 100, fake + 100, None)
    assert shifted == health.accuracies(real, fake, None) and shifted["accuracy_fake"] == 2 / 3


def test_overfitting_is_0_for_equal_verdicts_and_1_for_those_of_generated_ones():
    draw = torch.Generator().manual_seed(0)
    real, fake = torch.randn(200, generator=draw) + 3, torch.randn(200, generator=draw)
    assert health.overfitting(real, real, fake) == 0 and health.overfitting(real, fake, fake) == 1
    half = health.overfitting(real, (real + fake) / 2, fake)
    assert half == pytest.approx(0.5)
    assert health.overfitting(fake, fake, real) is None and health.overfitting(fake, real, fake) is None


@pytest.mark.parametrize("shape", [(64, 64), (200, 30), (16, 600), (128, 1152), (3, 2), (1, 9)])
def test_the_largest_singular_value(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    exact = float(torch.linalg.matrix_norm(matrix.double(), 2))
    found = health.largest_singular_value(matrix, torch.Generator().manual_seed(2))
    assert 0.99 * exact < found < exact * (1 + 1e-5)


def test_weights_are_those_that_the_network_uses():
    net = nn.Sequential(
        spectral(nn.Linear(6, 6)), nn.Linear(6, 2), nn.LayerNorm(2), nn.Embedding(3, 3)
    ).eval()
    with torch.no_grad():
        net[0].parametrizations.weight.original.mul_(50)
        net[1].weight.copy_(3 * torch.eye(2, 6))
    found = {name: health.largest_singular_value(w) for name, w in health.weights_of(net).items()}
    assert list(found) == ["0", "1"]
    assert found["0"] == pytest.approx(1, rel=0.02) and found["1"] == pytest.approx(3)


def test_gradient_norms_are_root_mean_squares_over_the_last_updates():
    parameters = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))]
    optimiser = Adam(parameters, lr=1e-3, betas=(0.5, 0.9), fused=True)
    assert health.gradient_norms(optimiser) is None
    seen = [[torch.tensor([3.0, 0, 4.0]), torch.tensor([1.0, 0])], [torch.zeros(3), torch.tensor([0, 2.0])]]
    for gradients in seen:
        optimiser.step_with([g.clone() for g in gradients], torch.zeros(()))
    weights = torch.tensor([0.1 * 0.9, 0.1], dtype=torch.float64) / (1 - 0.9**2)
    squares = torch.tensor([[25.0, 1.0], [0.0, 4.0]], dtype=torch.float64)
    assert torch.allclose(health.gradient_norms(optimiser), (weights @ squares).sqrt(), rtol=1e-6)


def test_duplicates_are_nearer_than_any_two_real_images():
    real = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    # nearest others: 0.5, 0.5, 4.5, 15
    assert health.duplicates(torch.tensor([[0.0], [0.5], [5.0], [20.0]]), real) == 2 / 4
    assert health.duplicates(real, real) == 0
    assert health.duplicates(torch.ones(4, 1), real) == 1


def test_channels_that_are_the_same_for_all_examples():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 1)
    )
    with torch.no_grad():
        net[0].weight[1] = 0  # the same everywhere
        net[2].weight[1] = 0
    channels = health.Channels(net)
    with channels.watching(), torch.no_grad():
        net(torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0)).abs())
    shares = channels.shares()
    assert (
        list(shares) == ["2", "5"] and shares["2"] >= 1 / 4 and shares["5"] >= 1 / 2
    )  # the image is left out
    alive = channels.alive["2"]
    assert not alive[1] and channels.share() == pytest.approx(
        (sum(len(a) * shares[n] for n, a in channels.alive.items())) / (4 + 32)
    )
    assert not any(part._forward_pre_hooks for part in net.modules())


def test_a_compiled_forward_is_put_back():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    net.forward = compiled = lambda x: 1 / 0
    channels = health.Channels(net)
    with channels.watching():
        net(torch.eye(3))
    assert net.forward is compiled and list(channels.alive) == ["1"]


def test_sentences_where_a_value_leaves_its_usual_range_and_not_while_it_stays_outside():
    inside, outside = {"disc/accuracy_both": 0.8}, {"disc/accuracy_both": 1.0}
    assert not usual.sentences(inside, [])
    said = usual.sentences(outside, [inside])
    assert len(said) == 1 and "disc/accuracy_both is 1, usual is at most 0.99: D tells" in said[0]
    assert not usual.sentences(outside, [inside, outside]) and usual.sentences(outside, [outside, inside])
    steady = [{"gen/sigma_max": 2.0}, {"gen/sigma_max": 2.2}, {"gen/sigma_max": 1.9}]
    assert not usual.sentences({"gen/sigma_max": 9.0}, steady[:2])  # too few to say what is usual
    assert "usual is at most 6" in usual.sentences({"gen/sigma_max": 9.0}, steady)[0]
    assert "shrunk" in usual.sentences({"gen/sigma_max": 0.1}, steady)[0]
    assert not usual.sentences({"gen/sigma_max": 5.0, "own/unknown": math.inf}, steady)


RUNS = {
    "ada": ("--ada=bg", "--mixup=hidden", "--penalty", "r1=0.1", "--ema=0.9"),
    "joint": (
        "--network=networks/dcgan.py",
        NETWORK_ARGS,
        "width=2",
        "minibatch_disc=3x2",
        "minibatch_form=imagenet",
        "--iterator_args",
        "size=32",
    ),
    "critic": ("--loss=wgan", "--penalty", "gp=10", "--historical_averaging=0.1"),
    "conditional": ("--conditional=projection", "--ada=bg"),
    "packed": ("--packing=2", "--loss=hinge"),
    "bigan": (
        "--trainer=trainers/bigan.py",
        "--network=networks/bigan_mnist.py",
        "--iterator_args",
        "size=28",
    ),
    "dist_gan": (
        "--trainer=trainers/dist_gan.py",
        "--network=networks/dist_gan_dcgan.py",
        "--mu_steps=4",
        "--iterator_args",
        "size=28",
    ),
    "autoencoder": (
        "--trainer=trainers/amr.py",
        "--network=networks/autoencoder32.py",
        "--iterator_args",
        "size=32",
    ),
    "cyclegan": (
        "--trainer=trainers/cyclegan.py",
        "--network=networks/cyclegan_mnist.py",
        "--iterator_args",
        "size=32",
        "channels_b=3",
    ),
    "semi": (
        "--trainer=trainers/semi_supervised.py",
        "--network=networks/semi_mnist.py",
        "--iterator_args",
        "size=28",
        "labels_per_class=2",
    ),
}


def records(folder):
    lines = (folder / "deleteme/s0/metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def without(found):
    return [{k: v for k, v in record.items() if not k.startswith("health/")} for record in found]


QUICK = ("ada", "joint", "cyclegan")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in RUNS])
def test_a_look_changes_no_bit_and_resumes(tmp_path, name):
    words = [*RUNS[name], "--max_steps=4", "--save_every_steps=2"]
    plain, whole, parts = tmp_path / "plain", tmp_path / "whole", tmp_path / "parts"
    assert train(plain, *words) == 0 and train(whole, *words, "--health=1") == 0
    assert_equal(newest(plain), newest(whole))
    found = records(whole)
    assert without(found)[1::2] == records(plain)
    assert train(parts, *words[:-2], "--max_steps=2", "--health=1") == 0
    assert train(parts, *words, "--health=1", "--resume=auto") == 0
    assert_equal(newest(whole), newest(parts))
    assert (whole / "deleteme/s0/metrics.jsonl").read_bytes() == (
        parts / "deleteme/s0/metrics.jsonl"
    ).read_bytes()
    values = {k: v for k, v in found[-1].items() if k.startswith("health/")}
    assert all(math.isfinite(v) for v in values.values())
    ends = {k.rsplit("/", 1)[-1] for k in values}
    assert {"sigma_max", "collapsed", "grad_norm", "accuracy_real", "accuracy_held_out"} <= ends
    assert ("duplicates" in ends) == (name not in ("autoencoder", "cyclegan"))
    assert ("r_t" in ends) == (name in ("ada", "conditional"))
    assert "failed" not in (whole / "deleteme/s0/log.txt").read_text()


def test_a_look_that_fails_is_a_warning(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(health, "gradient_norms", lambda optimiser: 1 / 0)
    assert train(tmp_path, "--max_steps=2", "--health=1") == 0
    assert "--health at step 1 failed (ZeroDivisionError" in capsys.readouterr().err


def test_the_log_says_what_left_its_range_and_the_console_line_has_no_health(tmp_path, capsys):
    # a learning rate that lets D and G run away
    assert train(tmp_path, "--max_steps=12", "--health=1", "--lr=0.3", "--log_every=1") == 0
    out = capsys.readouterr().out
    assert "health at step" in out and "usual is at" in out
    line = next(line for line in out.splitlines() if line.startswith("step 12/12"))
    assert "gen/adv" in line and "health/" not in line


@pytest.mark.slow
def test_two_processes_look_once(tmp_path):
    torchrun = ("torchrun", "--standalone", "--nproc_per_node=2")
    words = [*SMALL, "--max_steps=4", f"--save_path={tmp_path}"]
    assert launch(*words, "--name=plain", launcher=torchrun).returncode == 0
    assert launch(*words, "--name=looked", "--health=1", launcher=torchrun).returncode == 0
    assert_equal(newest(tmp_path, "plain"), newest(tmp_path, "looked"))


def test_tensorboard_gets_histograms(tmp_path):
    pytest.importorskip("tensorboard", reason="--tensorboard needs the package tensorboard")
    assert train(tmp_path, "--max_steps=4", "--health=2", "--tensorboard") == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "deleteme/s0/tensorboard"), {"histograms": 9})
    events.Reload()
    assert {"disc/logits_real", "disc/logits_held_out", "disc/logits_fake", "gen/grad_norms"} <= {
        *events.Tags()["histograms"]
    }
    assert [e.step for e in events.Histograms("disc/logits_real")] == [2, 4]


def test_the_flag_is_kept_and_read_from_a_file(tmp_path):
    assert train(tmp_path, "--max_steps=2", "--health") == 0
    flags = tmp_path / "deleteme/s0/flags.json"
    assert json.loads(flags.read_text())["health"] == 500
    assert train(tmp_path, f"--flags={flags}", "--name=again") == 0
    assert "health/gen/duplicates" in (tmp_path / "again/s0/metrics.jsonl").read_text()
    assert mode(tmp_path, "--name=again", "--mode=sample") == 0
