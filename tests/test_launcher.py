"""The launcher from the outside: the files it writes, and its errors."""

import json
import os
import stat
import subprocess
import sys

import pytest
import torch

from engine.errors import MissingError, UserError
from tests.running import ROOT, SMALL, assert_equal, launch, mode, newest, train


def folder_of(tmp_path, name="deleteme"):
    return tmp_path / name / "s0"


def listing(folder):
    """{path: content} of everything below a folder."""
    return {
        os.path.join(d, f): open(os.path.join(d, f), "rb").read() for d, _, fs in os.walk(folder) for f in fs
    }


def test_a_run_leaves_what_the_readme_says(tmp_path):
    assert train(tmp_path, "--max_steps=6", "--save_every_steps=3", "--mixup=hidden") == 0
    run = folder_of(tmp_path)
    assert sorted(os.listdir(run)) == [
        "checkpoints",
        "curves.png",
        "files",
        "flags.json",
        "log.txt",
        "metrics.jsonl",
        "samples",
        "status.json",
    ]
    assert sorted(os.listdir(run / "checkpoints")) == ["step_00000003.pt", "step_00000006.pt"]
    # an epoch is 5 steps; the end
    assert sorted(os.listdir(run / "samples")) == ["step_00000005.png", "step_00000006.png"]
    status = json.loads((run / "status.json").read_text())
    assert (status["state"], status["step"]) == ("finished", 6)
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == [2, 4, 6]
    assert {"gen/adv", "disc/real", "disc/fake", "disc/mix", "disc/real_grad_norm2"} <= set(records[0])
    flags = json.loads((run / "flags.json").read_text())
    assert (
        flags["mixup"] == "hidden" and flags["network_args"] == {"width": 8} and flags["steps_per_epoch"] == 5
    )
    for flag in ("network", "iterator", "trainer"):
        copy = run / "files" / flag / os.path.basename(flags[flag])
        assert copy.read_bytes() == open(os.path.join(ROOT, flags[flag]), "rb").read()
    from PIL import Image

    for picture in (*(run / "samples").iterdir(), run / "curves.png"):
        Image.open(picture).load()
    state = torch.load(run / "checkpoints" / "step_00000006.pt", weights_only=True)
    assert state["step"] == 6 and set(state) == {"step", "modules", "optims", "means", "provisional", "flags"}


def test_a_finished_run_says_so_and_goes_on_with_more_epochs(tmp_path, capsys):
    assert train(tmp_path, "--epochs=1", "--resume=auto") == 0
    before = listing(folder_of(tmp_path) / "checkpoints")
    capsys.readouterr()
    assert train(tmp_path, "--epochs=1", "--resume=auto") == 0
    assert "is finished: 5 of 5 steps; more --epochs" in capsys.readouterr().out
    assert listing(folder_of(tmp_path) / "checkpoints") == before
    assert train(tmp_path, "--epochs=2", "--resume=auto") == 0
    assert newest(tmp_path)["step"] == 10
    assert train(tmp_path, "--epochs=2", "--name=whole") == 0
    assert_equal(newest(tmp_path), newest(tmp_path, "whole"))


def test_the_same_seed_repeats_and_another_does_not(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert train(tmp_path, f"--name={name}", f"--seed={seed}", "--max_steps=3") == 0
    assert_equal(newest(tmp_path, "a"), newest(tmp_path, "b"))
    with pytest.raises(AssertionError):
        assert_equal(newest(tmp_path, "a"), newest(tmp_path, "c", seed=1))


def refused(tmp_path, *words, error=UserError, said):
    """The command is refused in one line that has `said` in it, and nothing that was there changes."""
    before = listing(tmp_path)
    with pytest.raises(UserError) as caught:
        train(tmp_path, *words)
    text = str(caught.value)
    assert said in text and "\n" not in text and type(caught.value) is error, text
    after = listing(tmp_path)
    assert all(
        after[path] == content or path.endswith("log.txt") and after[path].startswith(content)
        for path, content in before.items()
    )


def test_nothing_is_overwritten(tmp_path):
    assert train(tmp_path, "--max_steps=4", "--save_every_steps=2") == 0
    refused(
        tmp_path, "--max_steps=4", said="holds checkpoints up to step 4; --resume=auto goes on from there"
    )
    for words, said in (
        (["--lr=0.1"], "--lr: 0.0002 then, 0.1 now"),
        (["--mixup=pixel"], "--mixup: none then, pixel now"),
        (["--network_args", "width=16"], "--network_args: {'width': 8} then, {'width': 16} now"),
        (["--iterator_args", "n=60"], "--iterator_args"),
        (["--penalty", "gp=1"], "--penalty"),
    ):
        refused(tmp_path, "--resume=auto", "--max_steps=8", *words, said=said)
    older = folder_of(tmp_path) / "checkpoints" / "step_00000002.pt"
    refused(tmp_path, f"--resume={older}", "--max_steps=8", said="holds checkpoints up to step 4")
    gone = "--resume: nothing.pt: No such file"
    refused(tmp_path, "--resume=nothing.pt", "--name=new", error=MissingError, said=gone)


def test_a_linear_schedule_keeps_its_plan(tmp_path):
    words = ["--lr_schedule=linear", "--resume=auto"]
    assert train(tmp_path, "--max_steps=4", *words) == 0
    refused(tmp_path, "--max_steps=8", *words, said="--schedule_steps: 4 then, 8 now")
    words += ["--schedule_steps=8", "--name=planned"]
    assert train(tmp_path, "--max_steps=4", *words) == 0
    assert train(tmp_path, "--max_steps=8", *words) == 0


def test_a_checkpoint_by_path_starts_a_new_run(tmp_path):
    assert train(tmp_path, "--max_steps=4") == 0
    path = folder_of(tmp_path) / "checkpoints" / "step_00000004.pt"
    before = listing(folder_of(tmp_path))
    assert train(tmp_path, f"--resume={path}", "--name=branch", "--max_steps=6", "--lr=0.01") == 0
    assert newest(tmp_path, "branch")["step"] == 6 and newest(tmp_path, "branch")["flags"]["lr"] == 0.01
    assert newest(tmp_path, "branch")["optims"]["disc"]["param_groups"][0]["lr"] == 0.01
    assert train(tmp_path, f"--resume={path}", "--name=recount", "--last_epoch=0", "--max_steps=3") == 0
    assert newest(tmp_path, "recount")["step"] == 3
    assert listing(folder_of(tmp_path)) == before
    refused(
        tmp_path,
        f"--resume={path}",
        "--name=other",
        "--network_args",
        "width=16",
        said="the checkpoint is of other networks",
    )


def test_damaged_checkpoints_fall_back_and_all_damaged_refuses(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=6", "--save_every_steps=2", "--resume=auto") == 0
    whole = newest(tmp_path)
    for step in (6, 4):
        path = folder_of(tmp_path) / "checkpoints" / f"step_{step:08d}.pt"
        path.write_bytes(path.read_bytes()[:-100])
    assert train(tmp_path, "--max_steps=6", "--save_every_steps=2", "--resume=auto") == 0
    assert capsys.readouterr().err.count("warning: skipped") == 2
    assert_equal(whole, newest(tmp_path))
    for path in (folder_of(tmp_path) / "checkpoints").iterdir():
        path.write_bytes(b"")
    refused(tmp_path, "--resume=auto", said="none of the 3 checkpoints")


def test_bad_files_and_words(tmp_path):
    (tmp_path / "none.py").write_text("x = 1")
    (tmp_path / "three.py").write_text("def get_network(z_dim): return 3")
    (tmp_path / "pair.py").write_text(
        "from torch import nn\n"
        "def get_network(z_dim):\n"
        " gen = nn.Sequential(nn.Linear(z_dim, 64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8)))\n"
        " return gen, nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))"
    )
    (tmp_path / "loader.py").write_text(
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"
        "def get_iterators(batch_size):\n"
        " data = TensorDataset(torch.rand(20, 1, 8, 8), torch.zeros(20).long())\n"
        " return DataLoader(data, batch_size=batch_size, shuffle=True)"
    )
    refused(tmp_path, f"--network={tmp_path}/none.py", said="has no function get_network")
    refused(tmp_path, f"--network={tmp_path}/gone.py", error=MissingError, said="--network: no file")
    refused(
        tmp_path,
        f"--network={tmp_path}/three.py",
        "--network_args",
        said="--network_args: given width=...; use no word",
    )
    refused(tmp_path, f"--iterator={tmp_path}/gone.py", error=MissingError, said="--iterator: no file")
    refused(tmp_path, "--network_args", "widht=3", said="--network_args: given widht=...; use width")
    refused(
        tmp_path,
        "--iterator_args",
        "rooot=3",
        "--iterator=iterators/digits.py",
        said="--iterator_args: given channels=...; use size",
    )

    refused(tmp_path, "--iterator=iterators/images.py", said="--iterator_args")
    os.chdir(ROOT)
    import task_launcher

    own = [f"--save_path={tmp_path}", "--cpu", "--batch_size=4", "--max_steps=2", "--log_every=1"]
    with pytest.raises(UserError, match="get_network of .*three.py gives int"):
        task_launcher.main([*own, f"--network={tmp_path}/three.py", "--iterator=iterators/digits.py"])
    with pytest.raises(UserError, match="--batch_size: given 4096; the data has 1,500"):
        task_launcher.main(
            [
                "--iterator=iterators/digits.py",
                "--network=networks/small.py",
                "--batch_size=4096",
                f"--save_path={tmp_path}",
            ]
        )
    # the original's contracts: a network file that returns a pair, an iterator file that returns a DataLoader
    assert (
        task_launcher.main(
            [*own, f"--network={tmp_path}/pair.py", f"--iterator={tmp_path}/loader.py", "--mixup=pixel"]
        )
        == 0
    )


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["--los=hinge"], 2, "--los: unknown flag"),
        (["--network=networks/gone.py"], 3, "--network: no file networks/gone.py"),
        (["--iterator=iterators/images.py", "--iterator_args", "root=nowhere", "size=8"], 3, "root"),
    ],
)
def test_exit_codes_and_one_line(tmp_path, words, code, said):
    done = (
        launch(*SMALL, *words[:1], *words[1:], f"--save_path={tmp_path}")
        if "iterator" not in words[0]
        else launch("--network=networks/small.py", *words, f"--save_path={tmp_path}")
    )
    assert done.returncode == code and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


def test_traceback_on_request_and_failures_are_recorded(tmp_path):
    (tmp_path / "t.py").write_text(
        "from trainers.gan import *\nclass T(MixupGAN):\n"
        " def train_step(self, batch, step):\n  if step == 2: raise RuntimeError('no luck')\n"
        "  return super().train_step(batch, step)\ndef get_trainer(nets, args): return T(nets, args)"
    )
    done = launch(*SMALL, f"--trainer={tmp_path}/t.py", f"--save_path={tmp_path}", "--max_steps=4")
    assert (
        done.returncode == 1
        and done.stderr.strip() == "task_launcher.py: RuntimeError: no luck (--traceback shows where)"
    )
    assert json.loads((folder_of(tmp_path) / "status.json").read_text()) == {
        "state": "failed",
        "step": 2,
        "text": "RuntimeError: no luck",
    }
    assert "Traceback" in (folder_of(tmp_path) / "log.txt").read_text()
    assert not (folder_of(tmp_path) / "lock").exists()
    done = launch(
        *SMALL, f"--trainer={tmp_path}/t.py", f"--save_path={tmp_path}", "--max_steps=4", "--traceback"
    )
    assert "Traceback" in done.stderr and "no luck" in done.stderr


def test_divergence_stops_with_its_own_code_and_keeps_the_last_good_checkpoint(tmp_path):
    (tmp_path / "t.py").write_text(
        "from trainers.gan import *\nclass T(MixupGAN):\n"
        " def d_terms(self, *batch):\n  terms = super().d_terms(*batch)\n"
        "  return {n: t * float('nan') for n, t in terms.items()} if self.now >= 6 else terms\n"
        " def train_step(self, batch, step):\n  self.now = step\n  return super().train_step(batch, step)\n"
        "def get_trainer(nets, args): return T(nets, args)"
    )
    done = launch(
        *SMALL,
        f"--trainer={tmp_path}/t.py",
        f"--save_path={tmp_path}",
        "--max_steps=40",
        "--save_every_steps=4",
        "--max_bad_steps=3",
        "--update_g_every=100",
    )
    assert done.returncode == 4 and "3 updates in a row" in done.stderr or "4 updates in a row" in done.stderr
    assert json.loads((folder_of(tmp_path) / "status.json").read_text())["state"] == "diverged"
    state = newest(tmp_path)
    assert all(torch.isfinite(t).all() for t in state["modules"].values() if t.is_floating_point())


def test_sample_mode_needs_only_the_name(tmp_path):
    import numpy as np
    from PIL import Image

    assert train(tmp_path, "--max_steps=4", "--ema=0.9") == 0
    run = folder_of(tmp_path)

    def sample(*words):
        assert mode(tmp_path, "--mode=sample", "--name=deleteme", *words) == 0

    before = listing(run / "checkpoints")
    sample()
    Image.open(run / "samples_00000004.png").load()
    sample("--samples=5", f"--out={tmp_path}/a.npz")
    sample("--samples=300", f"--out={tmp_path}/b.npz", "--cpu")
    five, more = (np.load(tmp_path / f)["images"] for f in ("a.npz", "b.npz"))
    assert (
        five.shape == (5, 8, 8, 1)
        and more.shape == (300, 8, 8, 1)
        and (more[:5] == five).all()
        and five.dtype == np.uint8
    )
    sample("--samples=3", f"--out={tmp_path}/pngs")
    assert sorted(os.listdir(tmp_path / "pngs")) == ["000000.png", "000001.png", "000002.png"]
    assert (np.asarray(Image.open(tmp_path / "pngs" / "000001.png")) == five[1, :, :, 0]).all()
    done = launch("--mode=sample", f"--save_path={tmp_path}", "--name=deleteme", f"--out={tmp_path}/a.npz")
    assert done.returncode == 2 and "exists" in done.stderr
    done = launch(
        "--mode=sample", f"--save_path={tmp_path}", "--name=deleteme", f"--out={tmp_path}/c.npz", cwd=tmp_path
    )
    assert done.returncode == 0 and (np.load(tmp_path / "c.npz")["images"][:5] == five).all(), done.stderr
    assert listing(run / "checkpoints") == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    os.chmod(tmp_path, stat.S_IRUSR | stat.S_IXUSR)
    done = launch(*SMALL, f"--save_path={tmp_path}/x", "--max_steps=2")
    os.chmod(tmp_path, stat.S_IRWXU)
    assert done.returncode == 2 and "--save_path" in done.stderr


def test_save_path_that_is_a_file(tmp_path):
    (tmp_path / "x").write_text("")
    done = launch(*SMALL, f"--save_path={tmp_path}/x", "--max_steps=2")
    assert (
        done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and "--save_path" in done.stderr
    )


def test_tensorboard_events_when_the_package_is_there(tmp_path):
    pytest.importorskip("tensorboard", reason="--tensorboard needs the package tensorboard")
    assert train(tmp_path, "--max_steps=4", "--tensorboard") == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder_of(tmp_path) / "tensorboard"))
    events.Reload()
    assert [e.step for e in events.Scalars("disc/real")] == [2, 4] and "samples" in events.Tags()["images"]
    written = b"".join(p.read_bytes() for p in (folder_of(tmp_path) / "tensorboard").iterdir())
    assert b"_hparams_" in written and b"networks/small.py" in written  # the flags as hyperparameters


def test_prepare_is_called_once_before_the_first_step_with_real_data(tmp_path):
    (tmp_path / "t.py").write_text(
        "from trainers.gan import *\nimport torch\nclass T(MixupGAN):\n"
        " def prepare(self, batch):\n"
        "  print('prepared with', len(batch['x']), torch.is_grad_enabled())\n"
        "  next(self.disc.parameters()).fill_(batch['x'].std()).add_(torch.rand(()))\n"
        "  next(self.gen.parameters()).zero_()\n"
        "def get_trainer(nets, args): return T(nets, args)\n"
    )
    said = []
    for name, steps in (("whole", [4]), ("split", [2, 4])):
        for n in steps:
            done = launch(
                *SMALL,
                f"--save_path={tmp_path}",
                f"--name={name}",
                f"--trainer={tmp_path}/t.py",
                "--ema=0.5",
                f"--max_steps={n}",
                "--schedule_steps=4",
                "--resume=auto",
            )
            assert done.returncode == 0, done.stderr
            said.append(done.stdout.count("prepared with 8 False"))
    assert said == [1, 1, 0]
    done = launch(
        *SMALL,
        f"--save_path={tmp_path}",
        "--name=other",
        "--ema=0.5",
        f"--trainer={tmp_path}/t.py",
        "--max_steps=1",
        "--last_epoch=0",
        f"--resume={tmp_path}/whole/s0/checkpoints/step_00000004.pt",
    )
    assert done.returncode == 0 and "prepared" not in done.stdout, done.stderr  # its networks are trained
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "split"))
    state = newest(tmp_path, "whole")["modules"]
    first = next(name for name in state if name.startswith("gen.") and state[name].is_floating_point())
    # the average started from the prepared weights: zero plus four steps of Adam, not the initial ones
    assert state[first.replace("gen.", "gen_ema.", 1)].abs().max() < 4 * 2e-4


def test_two_time_scales(tmp_path):
    """--disc_lr is D's rate and --lr G's: the first step of Adam moves parameters by it."""
    assert train(tmp_path, "--name=a", "--max_steps=1", "--lr=1e-3", "--disc_lr=4e-2") == 0
    assert train(tmp_path, "--name=b", "--max_steps=1", "--lr=1e-9") == 0
    moved, still = newest(tmp_path, "a")["modules"], newest(tmp_path, "b")["modules"]
    for role, rate in (("gen", 1e-3), ("disc", 4e-2)):
        furthest = max(
            (moved[name] - still[name]).abs().max()
            for name in moved
            if name.startswith(role + ".") and name.endswith("bias")
        )
        assert furthest == pytest.approx(rate, rel=0.02)
    with pytest.raises(
        UserError,
        match="--disc_lr: given 0.04, trainers/beta_vae.py trains no discriminator; use --lr alone",
    ):
        train(
            tmp_path,
            "--name=c",
            "--max_steps=1",
            "--disc_lr=4e-2",
            "--trainer=trainers/beta_vae.py",
            "--iterator_args",
            "size=16",
            "--network=networks/dsprites.py",
            "--network_args",
            "vae=True",
            "width=4",
        )


def test_a_start_does_not_import_a_compiler(tmp_path):
    """torch wraps methods of optimisers against compilation, which imports its compiler: seconds and 100
    MB."""
    code = (
        "import sys, task_launcher; "
        "codes = [task_launcher.main([*sys.argv[1:], f'--max_steps={steps}']) for steps in (1, 2)]; "
        "print(codes, [m for m in ('torch._dynamo', 'sympy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *SMALL, f"--save_path={tmp_path}", "--resume=auto", "--ema=0.9"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0] []", done.stdout + done.stderr


@pytest.mark.parametrize(
    "words, said",
    (
        (["--threads=100000"], "--threads: given 100000; must be at most"),
        (["--device=cuda:1"], "--cpu: given with --device=cuda:1"),
    ),
)
def test_machines_that_there_are_not(tmp_path, words, said):
    with pytest.raises(UserError, match=said):
        train(tmp_path, *words)


@pytest.mark.parametrize("device", ("meta", "gpu", "hpu"))
def test_devices_that_are_not_for_training(device):
    from engine import distributed

    with pytest.raises(UserError, match=f"--device: given {device}; use auto, cpu, cuda, mps or xpu"):
        distributed.start(device)


@pytest.mark.parametrize("device", ("mps", "xpu", "cuda", "xpu:3"))
def test_an_accelerator_that_is_not_there_is_refused_in_one_line(device):
    from engine import distributed

    if getattr(torch, device.split(":")[0]).device_count():
        pytest.skip("it is there")
    said = f"--device: given {device}, this machine has 0 {device.split(':')[0]} devices; use another, or cpu"
    with pytest.raises(UserError, match=f"^{said}$"):
        distributed.start(device)


def test_a_process_takes_the_accelerator_of_its_number(monkeypatch):
    from engine import devices

    monkeypatch.setattr(torch.xpu, "device_count", lambda: 2)
    assert devices.choose("xpu", 1) == torch.device("xpu", 1) and devices.choose("xpu:0", 1) == torch.device(
        "xpu", 0
    )
    with pytest.raises(
        UserError, match="has 2 xpu devices and 3 processes want one each; use another, or cpu"
    ):
        devices.choose("xpu", 2)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device("xpu"))
    assert devices.choose("auto", 1) == torch.device("xpu", 1)


def test_what_mps_lacks_is_not_asked_of_it():
    from engine import devices

    assert devices.widest("mps") == torch.float32 and devices.widest("cuda:1") == torch.float64
    assert not devices.pins(torch.device("mps")) and devices.free_memory(torch.device("mps")) is None
