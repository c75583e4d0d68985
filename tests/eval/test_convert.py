"""python -m eval.convert: SN-GAN's networks of mimicry and StudioGAN.

sn_resnet/*.pt were made with the authors' own classes (kwotsin/mimicry at a7fda06, PyTorch-StudioGAN at
947b35e), of random weights, few maps and z of 12 numbers, after ten passes in training mode. They hold what
the authors' checkpoint files hold (`gen`, `disc`), images of four z (every second row and column), and
logits of four x.
"""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import task_launcher
from engine import checkpoint
from engine.errors import MissingError, UserError
from eval import api, convert
from tests.running import ROOT, train

FIXTURES = os.path.join(os.path.dirname(__file__), "sn_resnet")
KINDS = [("mimicry_32", 32, 100000), ("mimicry_48", 48, 100000), ("studiogan_32", 32, 95000)]


def fixture(name):
    return torch.load(os.path.join(FIXTURES, f"{name}.pt"), weights_only=True)


def files(tmp_path, name, **more):
    """The words --gen=FILE --disc=FILE for files as the authors' code writes them."""
    held = fixture(name)
    words = []
    for role in ("gen", "disc"):
        torch.save(held[role] | more, tmp_path / f"{role}.pth")
        words.append(f"--{role}={tmp_path / role}.pth")
    return words


def waves(*shape, pace):
    return torch.arange(float(np.prod(shape))).mul(pace).sin().view(shape)


@pytest.mark.parametrize("name, size, step", KINDS)
def test_outputs_are_the_authors(tmp_path, name, size, step):
    held, out = fixture(name), tmp_path / "made.pt"
    assert convert.main([*files(tmp_path, name), f"--out={out}"]) == 0
    run = api.load(out)
    assert run.step == step and run.args.z_dim == 12 and run.args.data_shape == [3, size, size]
    with torch.no_grad():
        images = run.nets["gen"](1.5 * waves(4, 12, pace=0.7))
        logits = run.nets["disc"](waves(4, 3, size, size, pace=0.37))
    assert torch.allclose(images[:, :, ::2, ::2], held["images"], atol=1e-5)
    assert torch.allclose(logits, held["logits"], atol=1e-5, rtol=1e-5)
    assert held["images"].std() > 0.1 and held["logits"].std() > 1e-3  # they tell inputs apart


def test_conditional_outputs_are_the_authors(tmp_path):
    """Of StudioGAN with class batch norm and projection; the four examples are of classes 0, 1, 2, 0."""
    held, out, y = fixture("studiogan_32_conditional"), tmp_path / "made.pt", torch.tensor([0, 1, 2, 0])
    assert convert.main([*files(tmp_path, "studiogan_32_conditional"), f"--out={out}"]) == 0
    run = api.load(out)
    assert run.args.conditional == "projection" and run.args.n_classes == 3
    with torch.no_grad():
        images = run.nets["gen"](1.5 * waves(4, 12, pace=0.7), y)
        logits = run.nets["disc"](waves(4, 3, 32, 32, pace=0.37), y=y)
        others = run.nets["gen"](1.5 * waves(4, 12, pace=0.7), y.flip(0))
    assert torch.allclose(images[:, :, ::2, ::2], held["images"], atol=1e-5)
    assert torch.allclose(logits, held["logits"], atol=1e-5, rtol=1e-5)
    assert (others - images).abs().max() > 1e-2  # classes matter
    assert run.generate(5, seed=1, labels=2).shape == (5, 3, 32, 32)


def test_every_entry_is_taken_and_ours_are_all_set(tmp_path):
    held = fixture("studiogan_32")
    convert.main([*files(tmp_path, "studiogan_32"), f"--out={tmp_path / 'made.pt'}"])
    modules = checkpoint.load_run(tmp_path / "made.pt")["modules"]
    theirs = [v for role in ("gen", "disc") for v in held[role]["state_dict"].values()]
    ours = [v for name, v in modules.items() if name.startswith(("gen.", "disc."))]
    assert len(theirs) == len(ours) == 101
    key = lambda value: (tuple(value.shape), value.double().flatten().tolist())
    assert sorted(map(key, theirs)) == sorted(map(key, ours))


def test_averaged_generator(tmp_path):
    held = fixture("studiogan_32")
    average = {name: v + 1 for name, v in held["gen"]["state_dict"].items()}
    torch.save({"state_dict": {f"module.{name}": v for name, v in average.items()}}, tmp_path / "ema.pth")
    words = [
        *files(tmp_path, "studiogan_32"),
        f"--gen_ema={tmp_path / 'ema.pth'}",
        f"--out={tmp_path / 'a.pt'}",
    ]
    assert convert.main(words) == 0
    run = api.load(tmp_path / "a.pt")
    assert torch.equal(run.nets["gen"].dense.bias, average["linear0.bias"])
    assert torch.equal(run.trainer.gen.dense.bias, held["gen"]["state_dict"]["linear0.bias"])


def test_such_a_file_serves_modes_and_a_new_run(tmp_path):
    out = tmp_path / "made.pt"
    more = ["--iterator=tests/made.py", "--iterator_args", "size=32", "channels=3"]
    convert.main([*files(tmp_path, "mimicry_32"), f"--out={out}", *more])
    assert task_launcher.main(["--mode=sample", f"--resume={out}", "--samples=4", "--cpu"]) == 0
    assert (tmp_path / "samples_00100000.png").is_file()
    words = ["--network=networks/sngan.py", "--network_args", "width=3", "gen_width=4", "upsample=bilinear"]
    words += ["relu_shortcut=True", "head_bias=True", "--z_dim=12", *more, "--lr=1e-30", "--max_steps=1"]
    assert train(tmp_path, *words, f"--init={out}", "--freeze_d=1", "--loss=hinge") == 0
    had, run = fixture("mimicry_32"), api.load(tmp_path / "deleteme/s0")
    assert torch.equal(run.nets["gen"].maps[5].weight, had["gen"]["model_state_dict"]["c5.weight"])


def test_objects_in_a_file_are_left_out_and_not_run(tmp_path, capsys):
    class Loud:
        def __reduce__(self):
            return print, ("run",)

    more = {"best_fid": np.float64(3.5), "extra": Loud()}
    assert convert.main([*files(tmp_path, "studiogan_32", **more), f"--out={tmp_path / 'a.pt'}"]) == 0
    assert "run" not in capsys.readouterr().out.split()


def test_what_is_not_taken_is_refused(tmp_path):
    words, out = files(tmp_path, "mimicry_32"), f"--out={tmp_path / 'a.pt'}"
    gen, disc = (word.split("=")[1] for word in words)
    with pytest.raises(MissingError, match="--gen: no file .*gone.pth; use a .pth of mimicry or StudioGAN"):
        convert.main(["--gen=gone.pth", words[1], out])
    with pytest.raises(UserError, match=r"--gen, --disc: .* are none of: mimicry's SN-GAN for 32x32; "):
        convert.main([f"--gen={disc}", f"--disc={gen}", out])
    (tmp_path / "text.pth").write_text("text")
    with pytest.raises(UserError, match="--disc: .*text.pth: torch cannot read it"):
        convert.main([words[0], f"--disc={tmp_path / 'text.pth'}", out])
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(UserError, match="--disc: .*list.pth holds no state dict"):
        convert.main([words[0], f"--disc={tmp_path / 'list.pth'}", out])
    held = torch.load(gen)
    held["model_state_dict"]["block3.c1.weight"] = torch.zeros(4, 5, 3, 3)
    torch.save(held, tmp_path / "wide.pth")
    with pytest.raises(UserError, match="--gen: .*wide.pth is not quite mimicry's.*size mismatch for maps.1"):
        convert.main([f"--gen={tmp_path / 'wide.pth'}", words[1], out])
    with pytest.raises(UserError, match="--itrator: unknown flag; use --iterator"):
        convert.main([*words, out, "--itrator=x.py"])
    assert not (tmp_path / "a.pt").exists()
    (tmp_path / "a.pt").write_text("mine")
    with pytest.raises(UserError, match="--out: .*a.pt exists; use another path"):
        convert.main([*words, out])


def test_command_line(tmp_path):
    command = [sys.executable, "-m", "eval.convert", "--gen=a", "--disc=b", f"--out={tmp_path / 'c.pt'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == "eval.convert: --gen: no file a; use a .pth of mimicry or StudioGAN\n"
