import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.errors import UserError
from eval.modes import export
from tests.running import mode, newest, train

# torch alone: of all packages that are installed, only what torch itself needs can be imported
LOAD = """
import importlib.metadata, re, sys
needed, look = {"torch"}, ["torch"]
while look:
    for line in importlib.metadata.requires(look.pop()) or ():
        name = re.match("[A-Za-z0-9_.-]+", line)[0].lower().replace("-", "_")
        if "extra ==" not in line and name not in needed:
            needed.add(name)
            try:
                importlib.metadata.distribution(name)
                look.append(name)
            except importlib.metadata.PackageNotFoundError:
                pass
for package, names in importlib.metadata.packages_distributions().items():
    if not any(name.lower().replace("-", "_") in needed for name in names):
        sys.modules[package] = None
for package in ("engine", "eval", "networks", "trainers"):
    sys.modules[package] = None
assert sys.modules["numpy"] is None

import torch
net = torch.export.load("model.pt2").module()
z = torch.load("z.pt")
torch.save({n: net(z[:n]).detach() for n in (1, 3, 16)}, "out.pt")
"""


@pytest.mark.parametrize("ema", [pytest.param(0, marks=pytest.mark.slow), 0.5])
def test_exported_generator_runs_without_the_project(tmp_path, ema):
    assert train(tmp_path, "--max_steps=3", f"--ema={ema}") == 0
    out = tmp_path / "model"
    assert mode(tmp_path, "--mode=export", f"--out={out}") == 0
    z = torch.randn(16, 5, generator=torch.Generator().manual_seed(9))
    torch.save(z, out / "z.pt")
    subprocess.run([sys.executable, "-I", "-c", LOAD], cwd=out, check=True)
    from networks.small import get_network

    net = get_network((1, 8, 8), 10, 5, width=8)["gen"].eval()
    prefix = "gen_ema." if ema else "gen."
    state = newest(tmp_path)["modules"]
    net.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    made = torch.load(out / "out.pt")
    for n in (1, 3, 16):
        assert torch.allclose(made[n], net(z[:n]), atol=1e-5)
    about = json.loads((out / "model.json").read_text())
    assert about["step"] == 3 and about["z_dim"] == 5 and about["flags"]["mode"] == "train"
    assert about["networks"]["gen"]["averaged"] == bool(ema)
    assert about["networks"]["gen"]["inputs"] == {"input": ["batch", 5]}
    assert about["networks"]["disc"]["output"] == ["batch"]
    assert about["networks"]["gen"]["sha256"] == export.sha256(out / "model.pt2")
    text = (out / "README.md").read_text()
    assert "step 3" in text and "networks/small.py" in text and "batch × 5" in text
    words = [line.strip() for line in text.splitlines() if line.startswith("    --")]
    ema_words = [f"--ema={ema}"] if ema else []
    assert words == [
        "--batch_size=8",
        *ema_words,
        "--iterator=tests/made.py",
        "--iterator_args=size=8 channels=1",
        "--network=networks/small.py",
        "--network_args=width=8",
        "--z_dim=5",
    ]
    assert "Means logged at step 3:" in text and "| gen/adv | " in text
    with pytest.raises(UserError, match="exists; use another folder"):
        mode(tmp_path, "--mode=export", f"--out={out}")


@pytest.mark.slow
def test_a_program_that_differs_is_refused(tmp_path):
    net = torch.nn.Linear(2, 2)
    x = torch.randn(16, 2)
    export.write_network("gen", net, (x,), net(x), tmp_path)
    np.savez(tmp_path / "examples.npz", input=x.numpy(), output=(net(x) + 1e-3).detach().numpy())
    with pytest.raises(UserError, match="differs by"):
        export.try_elsewhere("gen", tmp_path)


def test_a_batch_size_that_is_written_in_is_refused(tmp_path):
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return x.reshape(len(x), -1)

    x = torch.randn(16, 2)
    with pytest.raises(UserError, match=r"use tensor.shape\[0\]"):
        export.write_network("gen", Fixed(), (x,), x, tmp_path)


def test_safetensors_hold_the_weights(tmp_path):
    load_file = pytest.importorskip("safetensors.torch", reason="safetensors is not installed").load_file
    net = torch.nn.Linear(2, 2)
    export.write_safetensors(net, tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    assert kept.keys() == net.state_dict().keys() and torch.equal(kept["weight"], net.weight)


def test_onnx_gives_what_the_network_gives(tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    import onnxruntime

    from networks.small import get_network

    net = get_network((1, 8, 8), 10, 5, width=8)["gen"].eval()  # folded resampling, which ONNX has not
    z = torch.randn(16, 5)
    wanted = net(z).detach()
    export.write_onnx("gen", net, (z,), wanted, ["input"], tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for n in (1, 7):
        assert np.allclose(session.run(None, {"input": z[:n].numpy()})[0], wanted[:n], atol=1e-4)


def test_discriminators_of_autoencoders_and_sixteen_examples(tmp_path):
    words = ["--network=networks/autoencoder32.py", "--iterator_args", "size=32", "channels=1"]
    assert (
        train(tmp_path, *words, "--trainer=trainers/amr.py", "--max_steps=1", "--network_args", "width=4")
        == 0
    )
    assert mode(tmp_path, "--mode=export", f"--out={tmp_path / 'model'}") == 0
    about = json.loads((tmp_path / "model/model.json").read_text())
    assert list(about["networks"]) == ["dec", "disc", "enc"]
    assert about["z_dim"] is None and about["z_distribution"] is None
    for role, folder in (("dec", "."), ("disc", "disc"), ("enc", "enc")):  # batches are of 8
        assert about["networks"][role]["examples"] == 16
        assert len(np.load(tmp_path / "model" / folder / "examples.npz")["output"]) == 16
    assert "z is drawn" not in (tmp_path / "model/README.md").read_text()
