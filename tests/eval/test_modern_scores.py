"""CMMD, FLD, Vendi score, memorisation, statistics of other tools, DINOv2 and CLIP: each against its authors'
definition, written out plainly in float64."""

import json
import math
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import MissingError, UserError
from eval.metrics import evaluate, extractors, foreign, likelihood, statistics
from eval.metrics.cmmd import cmmd
from eval.metrics.frechet import frechet
from eval.metrics.vendi import vendi
from eval.metrics.vision_transformers import Clip, DinoV2
from tests.running import launch, mode, train


def rows(n, d=5, seed=0, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


# --- CMMD


def test_cmmd_is_the_mean_over_all_pairs():
    x, y = (nn.functional.normalize(rows(n, 7, seed, 0.3 * seed), dim=1) for n, seed in ((6, 0), (9, 1)))
    kernel = lambda a, b: math.exp(-float((a - b).square().sum()) / 200)
    mean = lambda a, b: sum(kernel(p, q) for p in a for q in b) / (len(a) * len(b))
    assert cmmd(x, y) == pytest.approx(1000 * (mean(x, x) + mean(y, y) - 2 * mean(x, y)), rel=1e-9)
    assert cmmd(x, x) == pytest.approx(0, abs=1e-12) and cmmd(x, y) == pytest.approx(cmmd(y, x))


def test_cmmd_of_two_points_in_closed_form():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert cmmd(a, b) == pytest.approx(2000 * (1 - math.exp(-2 / 200)))


# --- Vendi score


def test_vendi_counts_different_rows():
    assert vendi(torch.ones(8, 3)) == pytest.approx(1)
    assert vendi(torch.eye(6) * torch.arange(1, 7)[:, None]) == pytest.approx(6)  # lengths do not matter
    assert vendi(torch.eye(3).repeat(4, 1)) == pytest.approx(3)
    # shares 3/4 and 1/4: exp of the entropy
    two = torch.eye(2)[[0, 0, 0, 1]]
    assert vendi(two) == pytest.approx(math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))))


@pytest.mark.parametrize("n, d", [(20, 4), (5, 30)])
def test_vendi_is_that_of_the_kernel_matrix(n, d):
    x = rows(n, d)
    k = np.array([[float(a @ b / (a.norm() * b.norm())) for b in x] for a in x])
    values = np.linalg.eigvalsh(k / n)
    values = values[values > 1e-14]
    assert vendi(x) == pytest.approx(math.exp(-(values * np.log(values)).sum()), rel=1e-9)


# --- FLD


def reference_nll(x, centres, variances):
    """By torch's own mixture distribution."""
    each = torch.distributions.MultivariateNormal(
        centres, variances[:, None, None] * torch.eye(centres.shape[1], dtype=torch.float64)
    )
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(len(centres), dtype=torch.float64)), each
    )
    return -mixture.log_prob(x).mean() / x.shape[1]


def reference_fit(centres, x):
    """The authors' fit, of distributions."""
    d = x.shape[1]
    nearest = torch.stack([(x - c).square().sum(1).min() for c in centres])
    logs = ((nearest + 1e-3) / d).log().requires_grad_()
    origin = torch.zeros((), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([logs, origin], lr=0.5)
    mean = x.mean(0)
    for _ in range(50):
        adam.zero_grad()
        log_mix = torch.stack(
            [
                torch.distributions.Normal(c, (v / 2).exp()).log_prob(x).sum(1) - math.log(len(centres))
                for c, v in zip(centres, logs)
            ],
            1,
        )
        # the further Gaussian sees x at 0.9 of its distance
        extra = torch.distributions.Normal(torch.zeros(d, dtype=torch.float64), (origin / 2).exp())
        of_mean = extra.log_prob(0.9 * (x - mean)).sum(1, keepdim=True)
        loss = -torch.cat([log_mix, of_mean], 1).logsumexp(1).mean() / d
        loss.backward()
        adam.step()
        with torch.no_grad():
            logs.clamp_(-40, 20)
    return logs.detach()


def test_the_likelihood_is_that_of_the_mixture():
    x, centres, variances = rows(7, 3), rows(4, 3, 1), torch.tensor([0.5, 1.0, 2.0, 0.1], dtype=torch.float64)
    assert float(likelihood.nll(x, centres, variances.log())) == pytest.approx(
        float(reference_nll(x, centres, variances)), rel=1e-12
    )


def test_the_fit_is_the_authors():
    centres, x = rows(6, 3, 1), rows(30, 3, 2)
    centres[0] = x[0]  # copied
    found = likelihood.fitted(centres, x)
    assert torch.allclose(found, reference_fit(centres, x), rtol=1e-7, atol=1e-7)
    assert found[0] < found[1:].min()


def test_fld_is_the_difference_of_two_likelihoods():
    train_set, held, fake = rows(40, 4), rows(30, 4, 1), rows(25, 4, 2, 0.5)
    std, mean = held.std(0), held.mean(0)
    a, b, c = ((x - mean) / std for x in (train_set, held, fake))
    mixed = a[likelihood.permutation(40, "fld")]
    base = reference_nll(b, mixed[:20], reference_fit(mixed[:20], mixed[20:]).exp())
    ours = reference_nll(b, c, reference_fit(c, a).exp())
    expected = 100 * float(ours - base)
    assert likelihood.fld(train_set, held, fake) == pytest.approx(expected, rel=1e-6)


def test_fld_orders_good_bad_and_copied():
    train_set, held = rows(400, 4), rows(200, 4, 1)
    good = likelihood.fld(train_set, held, rows(200, 4, 2))
    assert abs(good) < 5
    assert likelihood.fld(train_set, held, rows(200, 4, 2, 2.0)) > good + 5
    assert likelihood.fld(train_set, held, train_set[:200]) > good + 5
    constant = torch.cat([train_set, torch.ones(400, 1)], 1), torch.cat([held, torch.ones(200, 1)], 1)
    assert math.isfinite(likelihood.fld(*constant, torch.cat([rows(200, 4, 2), torch.ones(200, 1)], 1)))
    with pytest.raises(ValueError, match="must be 4, 2 and 2 or more"):
        likelihood.fld(train_set[:3], held, held)


# --- memorisation


def test_memorisation_counts_pairs():
    train_set, held = torch.tensor([[0.0], [10.0]]), torch.tensor([[1.0], [12.0], [6.0]])  # r = 1, 2, 4
    fake = torch.tensor([[0.0], [0.5], [2.0], [13.0]])  # r = 0, 0.5, 2, 3
    found = likelihood.memorisation(train_set, held, fake)
    assert found["memorised"] == 2 / 4
    assert found["nearer"] == pytest.approx((3 + 3 + 1.5 + 1) / 12)


def test_memorisation_is_the_mann_whitney_statistic():
    from scipy.stats import mannwhitneyu

    train_set, held, fake = rows(50), rows(30, seed=1), rows(40, seed=2, shift=0.2)
    u = mannwhitneyu(likelihood.nearest(fake, train_set), likelihood.nearest(held, train_set)).statistic
    found = likelihood.memorisation(train_set, held, fake)
    assert found["nearer"] == pytest.approx(1 - u / (30 * 40))
    copies = likelihood.memorisation(train_set, held, train_set)
    assert copies == {"memorised": 1, "nearer": 1}


# --- files of other tools


def mean_cov(x):
    return x.mean(0), np.cov(x, rowvar=False)


def test_npz_of_pytorch_fid(tmp_path):
    mu, sigma = mean_cov(rows(40).numpy())
    np.savez(tmp_path / "a.npz", mu=mu, sigma=sigma)
    mean, cov, n = foreign.read(tmp_path / "a.npz")
    assert (mean == mu).all() and (cov == sigma).all() and n is None
    np.savez(tmp_path / "b.npz", mu=mu)
    with pytest.raises(UserError, match=r"--real_statistics: .*b.npz: no statistics .*use a .npz with mu"):
        foreign.read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", mu=mu, sigma=sigma[:2])
    with pytest.raises(UserError, match="do not fit"):
        foreign.read(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", mu=np.array([os.system], dtype=object), sigma=sigma)
    with pytest.raises(UserError, match="no statistics"):
        foreign.read(tmp_path / "d.npz")
    with pytest.raises(MissingError, match="No such file"):
        foreign.read(tmp_path / "none.npz")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_stylegan_and_edm2(tmp_path, protocol):
    x = rows(40).numpy()
    saved = {
        "capture_all": False,
        "capture_mean_cov": True,
        "max_items": 40,
        "num_items": 40,
        "num_features": 5,
    }
    saved |= {"all_features": [], "raw_mean": x.sum(0), "raw_cov": x.T @ x}
    (tmp_path / "s.pkl").write_bytes(pickle.dumps(saved, protocol))
    mean, cov, n = foreign.read(tmp_path / "s.pkl")
    assert np.allclose(mean, x.mean(0)) and np.allclose(cov, np.cov(x, rowvar=False, ddof=0)) and n == 40
    mu, sigma = mean_cov(x)
    both = {"fid": {"mu": mu, "sigma": sigma}, "fd_dinov2": {"mu": mu + 1, "sigma": sigma}}
    (tmp_path / "e.pkl").write_bytes(pickle.dumps(both, protocol))
    assert (foreign.read(tmp_path / "e.pkl")[0] == mu).all()
    assert (foreign.read(tmp_path / "e.pkl", "fd_dinov2")[0] == mu + 1).all()


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/tmp/made_by_a_pickle",)


def test_a_pickle_runs_nothing(tmp_path):
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"fid": Evil()}))
    with pytest.raises(UserError, match="it holds posix.mkdir"):
        foreign.read(tmp_path / "evil.pkl")
    assert not os.path.exists("/tmp/made_by_a_pickle")
    (tmp_path / "torn.pkl").write_bytes(pickle.dumps({"mu": np.ones(3), "sigma": np.eye(3)})[:-9])
    with pytest.raises(UserError, match="no statistics"):
        foreign.read(tmp_path / "torn.pkl")


def pixels(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 1, 2, 2), generator=draw, dtype=torch.uint8)


def test_fid_against_a_file_is_that_against_its_images(tmp_path):
    real, fake = pixels(50), pixels(60, 1)
    x = real.flatten(1).numpy() / np.float32(255)
    mu, sigma = mean_cov(x.astype(np.float64))
    np.savez(tmp_path / "real.npz", mu=mu, sigma=sigma)
    extractor = extractors.get("pixels")
    reference = evaluate.from_file(str(tmp_path / "real.npz"), extractor, "60-train", ["fid", "vendi"])
    source = lambda n: fake[torch.arange(n) % 60]
    found = {
        r["metric"]: r for r in evaluate.evaluate(source, reference, extractor, "60-train", ("fid", "vendi"))
    }
    y = source(60).flatten(1).numpy() / np.float32(255)
    expected = frechet(mu, sigma, *mean_cov(y.astype(np.float64)))
    assert found["fid"]["value"] == pytest.approx(expected, rel=1e-6)
    assert found["fid"]["name"] == "FD-pixels 60 against real.npz" and found["fid"]["n_real"] is None
    assert len(found["fid"]["real_statistics_sha256"]) == 64
    with pytest.raises(UserError, match="kid need images"):
        evaluate.from_file(str(tmp_path / "real.npz"), extractor, "60-train", ["fid", "kid"])
    with pytest.raises(UserError, match="does not say how many images"):
        evaluate.from_file(str(tmp_path / "real.npz"), extractor, "full-train", ["fid"])


# --- the run's command


def test_evaluate_by_command(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=2") == 0
    words = ["--mode=evaluate", "--extractor=pixels", "--protocol=20-train"]
    assert mode(tmp_path, *words, "--metrics", "vendi", "cmmd", "fld", "memorised") == 0
    lines = (tmp_path / "deleteme/s0/evaluations.jsonl").read_text().splitlines()
    found = {r["metric"]: r for r in map(json.loads, lines)}
    assert found.keys() == {"vendi", "cmmd", "fld", "memorised", "nearer"}
    assert found["cmmd"]["name"] == "MMD-pixels 20-train"
    assert found["fld"]["name"] == "FLD-pixels 20" and found["memorised"]["n_real"] == 40
    assert 1 <= found["vendi"]["value"] <= 20 and found["memorised"]["value"] <= 1
    x = pixels(40).repeat(1, 16, 1, 1).flatten(1).numpy() / 255
    np.savez(tmp_path / "real.npz", mu=x.mean(0), sigma=np.cov(x, rowvar=False))
    assert mode(tmp_path, *words, "--metrics", "fid", f"--real_statistics={tmp_path / 'real.npz'}") == 0
    assert "FD-pixels 20 against real.npz" in capsys.readouterr().out


@pytest.mark.parametrize("name", ("dinov2", "clip"))
def test_missing_weights_are_refused_by_name(tmp_path, name, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(f"{name.upper()}_WEIGHTS", raising=False)
    with pytest.raises(MissingError, match=f"--extractor={name}: no weights by --feature_weights") as error:
        extractors.get(name)
    assert error.value.exit_code == 3
    (tmp_path / "w.pth").write_bytes(b"no weights")
    with pytest.raises(MissingError, match=f"--extractor={name}: .*w.pth is damaged"):
        extractors.get(name, weights=str(tmp_path / "w.pth"))


def test_missing_weights_end_a_command_with_exit_3(tmp_path):
    assert train(tmp_path, "--max_steps=1") == 0
    done = launch(
        "--mode=evaluate", f"--save_path={tmp_path}", "--extractor=dinov2", "--feature_weights=none.pth"
    )
    assert done.returncode == 3 and done.stderr.count("\n") == 1 and "no weights at none.pth" in done.stderr


# --- the networks


def dino_state(d=128, depth=2, patch=14, grid=16):
    draw = torch.Generator().manual_seed(0)
    shapes = {
        "cls_token": (1, 1, d),
        "mask_token": (1, d),
        "pos_embed": (1, 1 + grid**2, d),
        "patch_embed.proj.weight": (d, 3, patch, patch),
        "patch_embed.proj.bias": (d,),
        "norm.weight": (d,),
        "norm.bias": (d,),
    }
    for i in range(depth):
        for name, shape in {
            "norm1.weight": (d,),
            "norm1.bias": (d,),
            "attn.qkv.weight": (3 * d, d),
            "attn.qkv.bias": (3 * d,),
            "attn.proj.weight": (d, d),
            "attn.proj.bias": (d,),
            "ls1.gamma": (d,),
            "norm2.weight": (d,),
            "norm2.bias": (d,),
            "mlp.fc1.weight": (4 * d, d),
            "mlp.fc1.bias": (4 * d,),
            "mlp.fc2.weight": (d, 4 * d),
            "mlp.fc2.bias": (d,),
            "ls2.gamma": (d,),
        }.items():
            shapes[f"blocks.{i}.{name}"] = shape
    return {name: 0.1 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}


def plain_dino(state, x, heads):
    """DINOv2 written out, of normalised images x."""
    s = {name: value.double() for name, value in state.items()}
    norm = lambda h, at: nn.functional.layer_norm(h, h.shape[-1:], s[at + ".weight"], s[at + ".bias"], 1e-6)
    linear = lambda h, at: h @ s[at + ".weight"].T + s[at + ".bias"]
    h = nn.functional.conv2d(x, s["patch_embed.proj.weight"], s["patch_embed.proj.bias"], 14).flatten(2).mT
    h = torch.cat([s["cls_token"].expand(len(x), -1, -1), h], 1) + s["pos_embed"]
    depth = 1 + max(int(name.split(".")[1]) for name in s if name.startswith("blocks."))
    for i in range(depth):
        b = f"blocks.{i}."
        q, k, v = linear(norm(h, b + "norm1"), b + "attn.qkv").chunk(3, 2)
        parts = []
        for each in zip(*(y.chunk(heads, 2) for y in (q, k, v))):
            weights = (each[0] @ each[1].mT / each[0].shape[2] ** 0.5).softmax(2)
            parts.append(weights @ each[2])
        h = h + s[b + "ls1.gamma"] * linear(torch.cat(parts, 2), b + "attn.proj")
        inner = linear(norm(h, b + "norm2"), b + "mlp.fc1")
        h = h + s[b + "ls2.gamma"] * linear(inner * 0.5 * (1 + torch.erf(inner / 2**0.5)), b + "mlp.fc2")
    return norm(h, "norm")[:, 0]


def test_dinov2_is_its_formula(tmp_path):
    state = dino_state()
    torch.save(state, tmp_path / "d.pth")
    extractor = extractors.get("dinov2", weights=str(tmp_path / "d.pth"))
    assert (extractor.name, extractor.dim, extractor.title("fid")) == (
        "dinov2-vit128",
        128,
        "FD-dinov2-vit128",
    )
    images = torch.randint(
        0, 256, (2, 3, 224, 224), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
    )
    mean, std = (torch.tensor(v).double().view(3, 1, 1) for v in (DinoV2.mean, DinoV2.std))
    expected = plain_dino(state, (images.double() / 255 - mean) / std, 2)
    assert torch.allclose(extractor(images)["features"].double(), expected, atol=2e-5)
    assert extractor(images[:, :, :32, :32])["features"].shape == (2, 128)
    del state["norm.weight"]
    torch.save(state, tmp_path / "d.pth")
    with pytest.raises(MissingError, match="of another network"):
        extractors.get("dinov2", weights=str(tmp_path / "d.pth"))


def test_the_networks_are_those_of_transformers(tmp_path):
    transformers = pytest.importorskip("transformers", reason="compares with the package transformers")
    config = transformers.CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=256,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    torch.manual_seed(0)
    theirs = transformers.CLIPVisionModelWithProjection(config).eval()
    ours = Clip(theirs.state_dict())
    images = torch.randint(0, 256, (3, 3, 28, 28), dtype=torch.uint8)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (Clip.mean, Clip.std))
    with torch.no_grad():
        expected = nn.functional.normalize(
            theirs(pixel_values=(images / 255 - mean) / std).image_embeds, dim=1
        )
        assert torch.allclose(ours(images), expected, atol=1e-5)
    torch.save(theirs.state_dict(), tmp_path / "c.pth")
    extractor = extractors.get("clip", weights=str(tmp_path / "c.pth"))
    assert extractor.title("cmmd") == "CMMD" and extractor.dim == 32


def test_statistics_without_a_number_are_not_singular():
    assert not statistics.Statistics(None, (), np.zeros(3), np.eye(3), None).singular
