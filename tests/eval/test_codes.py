"""ACAI's evaluation: interpolations between lines, clusters of codes."""

import itertools
import json
import math
import os
import shutil

import pytest
import torch
from PIL import Image

from engine import flags, setup
from engine.errors import UserError
from eval.metrics import lines as metric
from eval.metrics import probe
from eval.modes import MODES, add_flags
from eval.modes.autoencoder import held_out
from iterators import common
from iterators.lines import draw
from tests.eval.test_autoencoder_modes import launcher
from tests.running import newest, train


def lines_at(angles):
    return draw(torch.as_tensor(angles, dtype=torch.float64), 16)


def test_a_line_is_at_distance_0_and_another_by_its_cosine():
    angles = torch.arange(8).double() * math.pi / 4
    distances, found = metric.nearest(lines_at(angles), lines_at, 8)
    assert distances.abs().max() < 1e-12 and torch.equal(found, angles)
    grey = torch.full((2, 1, 16, 16), 0.5)
    grey[1, :, :8] = -1
    distances, _ = metric.nearest(grey, lines_at, 8, batch=1)
    for image, distance in zip(grey.double().flatten(1), distances):
        cosines = [
            image @ line / (image.norm() * line.norm()) for line in lines_at(angles).double().flatten(1)
        ]
        assert abs(float(distance) - (1 - float(max(cosines)))) < 1e-12


def test_smoothness():
    even = torch.linspace(6.0, 7.5, 16, dtype=torch.float64) % (2 * math.pi)  # over the full turn
    jump = torch.cat([torch.zeros(7), torch.ones(9)]).double()
    back = torch.tensor([0.0, 1.0] * 7 + [0.0, 0.5]).double()
    still = torch.full((16,), 0.3).double()
    found = metric.smoothness(torch.stack([even, jump, back, still]))
    assert found[:3].tolist() == pytest.approx([0, 1 - 1 / 15, 1 / 0.5 - 1 / 15], abs=1e-9)
    assert found[3].isnan()


def test_walks_along_angles_are_perfect_and_fades_are_not():
    start, turn = torch.rand(6, 1, generator=torch.Generator().manual_seed(0)).double() * 6, 2.0
    p = torch.linspace(0, 1, 9, dtype=torch.float64)
    along = lines_at((start + turn * p).flatten()).view(6, 9, 1, 16, 16)
    found = metric.score(along, lines_at)
    assert found["distance"] < 1e-5 and found["smoothness"] < 0.01 and found["still"] == 0
    fade = torch.lerp(along[:, :1], along[:, -1:], p.view(1, -1, 1, 1, 1))
    faded = metric.score(fade, lines_at)
    assert faded["distance"] > 100 * found["distance"] and faded["smoothness"] > 0.5
    assert metric.score(along[:, :1].expand(6, 9, 1, 16, 16), lines_at)["still"] == 6


def test_whitened_codes_have_one_covariance():
    draws = torch.Generator().manual_seed(0)
    codes = torch.randn(200, 4, generator=draws) @ torch.randn(4, 4, generator=draws) + 3
    white = probe.whitener(codes)(codes)
    assert (white.t() @ white - torch.eye(4)).abs().max() < 1e-4 and white.mean(0).abs().max() < 1e-12


def test_cluster_accuracy_is_that_of_the_best_matching():
    draws = torch.Generator().manual_seed(0)
    clusters, labels = (torch.randint(4, (60,), generator=draws) for _ in range(2))
    best = max(
        float((torch.tensor(order)[clusters] == labels).double().mean())
        for order in itertools.permutations(range(4))
    )
    assert probe.cluster_accuracy(clusters, labels, 4) == pytest.approx(best, abs=1e-12)
    assert probe.cluster_accuracy((labels + 1) % 4, labels, 4) == 1


# --- the modes


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run on lines and one on made images with labels."""
    at = tmp_path_factory.mktemp("runs")
    net = ["--network=networks/autoencoder32.py", "--network_args", "width=4", "code=8", "scales=2"]
    acai = ["--trainer=trainers/acai.py", "--acai=paper", "--max_steps=4", "--log_every=5"]
    drawn = ["--iterator=iterators/lines.py", "--iterator_args", "size=8", "n=40", "valid=10", "n_test=20"]
    shutil.rmtree(at)
    words = [f"--save_path={at}", "--cpu", "--batch_size=8", "--samples=4"]
    assert launcher(*words, *net, *acai, *drawn, "--name=lines") == 0
    made = ["--iterator=tests/made_parts.py", "--max_steps=4", "--log_every=5", "--save_images_every=0"]
    train(at, *net, *acai, *made, "--name=made")
    train(at, *made, "--name=gan", "--ema=0.9")
    train(at, *net, *made, "--name=plain", "--trainer=trainers/autoencoder.py")
    sizes = ["--network_args", "width=4"]
    train(at, *made, "--name=ss", "--trainer=trainers/ssgan.py", "--network=networks/ssgan.py", *sizes)
    for variant in ("official", "seed"):
        words = ["--trainer=trainers/bigan.py", "--network=networks/bigan_mnist.py", *sizes]
        train(at, *made, f"--name=bigan_{variant}", *words, f"variant={variant}")
    return at


@pytest.fixture
def mode(runs, tmp_path):
    def go(name, run, *words):
        shutil.copytree(runs / run, tmp_path / run, dirs_exist_ok=True)
        assert launcher(f"--save_path={tmp_path}", f"--name={run}", f"--mode={name}", "--cpu", *words) == 0
        return tmp_path / run / "s0"

    return go


def test_lines(mode):
    at = mode("lines", "lines", "--line_pairs=3", "--line_images=5")
    folder = at / "lines" / "mixup_step00000004"
    assert sorted(os.listdir(folder)) == ["all.png", "lines.json", *(f"pair_000{i}.png" for i in range(3))]
    assert Image.open(folder / "pair_0000.png").size == (7 * 50 + 2, 52)  # with the inputs
    found = json.load(open(folder / "lines.json"))
    assert found["codes"]["walks"] == found["pixels"]["walks"] == 3 and found["images"] == 5
    results = [json.loads(line) for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert {r["name"]: r["value"] for r in results} == {
        "line distance": pytest.approx(found["codes"]["distance"]),
        "line smoothness": pytest.approx(found["codes"]["smoothness"], nan_ok=True),
    }


@pytest.mark.parametrize("whiten", (0, 1))
def test_cluster(mode, whiten, capsys):
    at = mode("cluster", "made", f"--whiten={whiten}", "--kmeans_starts=2")
    found = json.load(open(at / "clusters.json"))
    assert found["clusters"] == 3 and found["examples"] == {"train": 40, "test": 30}
    assert 1 / 3 <= found["accuracy"]["test"] <= 1
    (result,) = [json.loads(line) for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert result["value"] == found["accuracy"]["test"]
    assert result["name"] == "cluster accuracy" + (", whitened" if whiten else "")
    assert f"accuracy on test {100 * result['value']:.2f}%" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, run, words, message",
    [
        ("lines", "made", [], "use --iterator=iterators/lines.py"),
        ("lines", "lines", ["--line_pairs=11"], "--line_pairs: given 11; must be at most 10"),
        ("cluster", "lines", ["--line_pairs=11"], "--line_pairs: --mode=cluster does not read it"),
    ],
)
def test_what_the_modes_are_not_for(mode, name, run, words, message):
    with pytest.raises(UserError, match=message):
        mode(name, run, *words)


# --- the probe of D's features


@pytest.mark.parametrize(
    "run, words, layer, dims",
    [
        ("gan", [], None, None),
        ("gan", ["--probe_layer=1"], 1, None),
        ("gan", ["--probe_layer=0"], 0, 1),  # the mean of grey pixels
        ("ss", [], None, 4),
        ("bigan_official", ["--probe_of=disc"], 1, 4),
        ("bigan_seed", ["--probe_of=disc"], 1, 4),
        ("made", ["--probe_of=disc"], 3, None),
    ],
)
def test_a_probe_of_the_discriminators_features(mode, run, words, layer, dims):
    at = mode("logreg", run, *words)
    (file,) = [name for name in os.listdir(at) if name.startswith("probe")]
    found = json.load(open(at / file))
    assert file == f"probe_disc_h{layer}.json" if layer is not None else file.startswith("probe_disc_h")
    name = file.removeprefix("probe_disc_h").removesuffix(".json")
    assert list(found["probes"]) == [f"h_{name} of D", f"h_{name} of D, untrained", f"PCA for h_{name} of D"]
    assert (found["train"], found["valid"], found["test"]) == (40, 20, 30)
    assert dims is None or found["dims"] == dims
    assert all(1 / 3 <= result["test"] <= 1 for result in found["probes"].values())
    results = [json.loads(line) for line in (at / "evaluations.jsonl").read_text().splitlines()]
    assert [r["name"] for r in results] == [f"probe accuracy, {kind}" for kind in found["probes"]]


def test_features_are_those_of_the_discriminator(runs):
    trainer, data, _ = restored(runs, "gan")
    x, k = next(iter(data["test"]))["x"], trainer.last_layer
    with trainer.evaluating():
        for layer in range(k + 1):
            h = trainer.disc(x, stop=layer)
            expected = h.mean((2, 3)) if h.ndim == 4 else h.flatten(1)
            assert torch.equal(trainer.disc_features(x, layer), expected)
        for variant in ("official", "seed"):
            bigan = restored(runs, f"bigan_{variant}")[0].eval()
            (last,) = [
                m for m in bigan.disc.modules() if isinstance(m, torch.nn.Linear) and len(m.weight) == 1
            ]
            given = []
            last.register_forward_pre_hook(lambda module, inputs, given=given: given.append(inputs[0]))
            bigan.disc(x, bigan.encode(x))
            assert torch.equal(bigan.disc_features(x, 1), given[0])


def restored(runs, name):
    """(trainer, data, args) of a run at its last step."""
    args = flags.parse(
        [f"--save_path={runs}", f"--name={name}", "--mode=logreg", "--cpu"], ("train", *MODES), add_flags
    )
    data = setup.data(args, torch.device("cpu"), common.wrap)
    trainer = setup.trainer(args, setup.networks(args))
    trainer.restore(newest(runs, name))
    return trainer, data, args


def test_without_a_valid_split_a_tenth_of_train_is_held_out():
    codes, labels = torch.arange(50.0).view(-1, 1), torch.arange(50)
    train_part, valid, test = held_out((codes, labels), (codes[:7], labels[:7]))
    assert [len(labels) for _, labels in (train_part, valid, test)] == [45, 5, 7]
    assert sorted([*train_part[1].tolist(), *valid[1].tolist()]) == list(range(50))
    assert torch.equal(train_part[0][:, 0].long(), train_part[1]) and torch.equal(test[0], codes[:7])


@pytest.mark.parametrize(
    "run, words, message",
    [
        ("gan", ["--probe_of=enc"], "has no encode"),
        ("made", ["--probe_layer=1"], "--probe_layer: is of the discriminator; use --probe_of=disc"),
        ("gan", ["--probe_layer=9"], "--probe_layer: given 9; must be between 0 and"),
        ("plain", ["--probe_of=disc"], "has no hidden states of a discriminator; use a network"),
    ],
)
def test_what_has_no_probe(mode, run, words, message):
    with pytest.raises(UserError, match=message):
        mode("logreg", run, *words)
