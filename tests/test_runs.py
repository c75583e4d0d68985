"""What a run promises when its folder is moved, its files are others', its console goes away or its pictures
fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from engine import checkpoint
from engine.errors import MissingError, UserError
from engine.load import _executed
from tests.faults import fuzz, inject
from tests.running import ROOT, SMALL, assert_equal, launch, mode, newest, train


def folder_of(tmp_path, name="deleteme", seed=0):
    return tmp_path / name / f"s{seed}"


def names(folder):
    return sorted(os.listdir(folder))


# --- a checkpoint is what its name and flags say


@pytest.mark.parametrize(
    "other, said",
    [
        (["--seed=1"], "--seed: 1 then, 0 now"),
        (["--loss=hinge"], "--loss: hinge then, jsgan now"),
    ],
)
@pytest.mark.parametrize("flags_file", (True, False))
def test_a_checkpoint_of_another_run_is_not_trained_on_from(tmp_path, other, said, flags_file):
    assert train(tmp_path, "--max_steps=2") == 0
    assert train(tmp_path, "--max_steps=4", "--name=other", *other) == 0
    found = folder_of(tmp_path, "other", 1 if "--seed=1" in other else 0) / "checkpoints" / "step_00000004.pt"
    shutil.copy(found, folder_of(tmp_path) / "checkpoints")
    if not flags_file:
        os.remove(folder_of(tmp_path) / "flags.json")
    before = names(folder_of(tmp_path) / "checkpoints")
    with pytest.raises(UserError, match=said):
        train(tmp_path, "--max_steps=6", "--resume=auto")
    assert names(folder_of(tmp_path) / "checkpoints") == before
    if flags_file:
        with pytest.raises(UserError, match="step_00000004.pt .*is of another run"):
            mode(tmp_path, "--mode=sample")


def test_without_flags_json_the_checkpoints_flags_count(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    os.remove(folder_of(tmp_path) / "flags.json")
    with pytest.raises(UserError, match="--lr: 0.0002 then, 0.1 now"):
        train(tmp_path, "--max_steps=4", "--resume=auto", "--lr=0.1")
    assert train(tmp_path, "--max_steps=4", "--resume=auto") == 0


def test_a_renamed_checkpoint_is_set_aside(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=4", "--save_every_steps=2") == 0
    folder = folder_of(tmp_path) / "checkpoints"
    os.rename(folder / "step_00000002.pt", folder / "step_00000009.pt")
    assert train(tmp_path, "--max_steps=10", "--resume=auto", "--save_every_steps=9") == 0
    assert names(folder) == [f"step_{s:08d}.pt" for s in (4, 9)][:2] + [
        "step_00000009.pt.damaged",
        "step_00000010.pt",
    ]
    assert (
        "its name says step 9, it holds step 2; moved to step_00000009.pt.damaged" in capsys.readouterr().err
    )


def test_keep_last_counts_no_damaged_checkpoint(tmp_path):
    assert train(tmp_path, "--max_steps=6", "--save_every_steps=2") == 0
    folder = folder_of(tmp_path) / "checkpoints"
    for step in (4, 6):
        (folder / f"step_{step:08d}.pt").write_bytes(b"")
    assert train(tmp_path, "--max_steps=3", "--resume=auto", "--keep_last=1") == 0
    assert checkpoint.steps(folder) == [3] and newest(tmp_path)["step"] == 3


def test_counting_anew_in_a_runs_own_folder_is_refused(tmp_path):
    assert train(tmp_path, "--max_steps=4") == 0
    own = folder_of(tmp_path) / "checkpoints" / "step_00000004.pt"
    with pytest.raises(UserError, match="--last_epoch: given with a checkpoint of .* itself"):
        train(tmp_path, "--max_steps=6", f"--resume={own}", "--last_epoch=0", "--keep_last=1")
    assert own.exists()


# --- records


def test_one_bad_line_takes_no_others_with_it(tmp_path, capsys):
    assert train(tmp_path, "--max_steps=6", "--save_every_steps=2") == 0
    path = folder_of(tmp_path) / "metrics.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    bad = [b"\xff\xfe\n", b"5\n", b'{"loss": 1}\n', b'{"step": "2"}\n']
    path.write_bytes(b"".join([first, *bad, *rest]) + b'{"step": 7, "to')
    # finished: changes nothing, and fails at nothing
    assert train(tmp_path, "--max_steps=6", "--resume=auto") == 0
    assert train(tmp_path, "--max_steps=8", "--resume=auto") == 0
    assert [json.loads(line)["step"] for line in path.read_bytes().splitlines()] == [2, 4, 6, 8]
    assert (folder_of(tmp_path) / "metrics.jsonl.damaged").read_bytes() == b"".join(bad)
    assert "metrics.jsonl: 4 damaged line(s) moved to metrics.jsonl.damaged" in capsys.readouterr().err


# --- what is due after a step


BROKEN = (
    "from trainers.gan import *\nclass T(MixupGAN):\n"
    " def measures(self, data):\n  def fail(step):\n   raise {}\n  return [(4, fail)]\n"
    "def get_trainer(nets, args): return T(nets, args)"
)


@pytest.mark.parametrize("error", ("RuntimeError('no luck')", "MemoryError()", "KeyError(3)"))
def test_a_failing_measure_does_not_take_the_checkpoint_with_it(tmp_path, error):
    (tmp_path / "t.py").write_text(BROKEN.format(error))
    words = [f"--trainer={tmp_path}/t.py", "--max_steps=8", "--save_every_steps=4", "--resume=auto"]
    with pytest.raises(Exception):  # noqa: B017  any
        train(tmp_path, *words)
    state = newest(tmp_path)
    assert state["step"] == 4 and state["due"] == ["trainer's 0"]
    records = (folder_of(tmp_path) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in records] == [2, 4]
    (tmp_path / "t.py").write_text(BROKEN.replace("raise {}", "return {{'own/x': 0.5 + step}}").format())
    _executed.cache_clear()
    assert train(tmp_path, *words) == 0
    records = (folder_of(tmp_path) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line).get("own/x") for line in records] == [None, 4.5, None, 8.5]
    assert "due" not in newest(tmp_path)


def test_what_the_metrics_need_is_looked_at_before_the_first_step(tmp_path):
    words = ["--eval_every=1", "--extractor=pixels", "--max_steps=10"]
    for more, said in (
        (["--protocol=20-5-train", "--metrics", "prdc"], "prdc needs 6 images of each kind"),
        (["--protocol=90-train"], "the data has 40 train images"),
        (["--metrics", "is"], "need logits"),
    ):
        with pytest.raises(UserError, match=said):
            train(tmp_path, *words, *more)
    assert not (folder_of(tmp_path) / "metrics.jsonl").exists()


def test_pictures_and_names_are_no_reason_to_stop(tmp_path, capsys):
    (tmp_path / "t.py").write_text(
        "from trainers.gan import *\nclass T(MixupGAN):\n"
        " def pictures(self, batch): raise ValueError('no picture')\n"
        "def get_trainer(nets, args): return T(nets, args)"
    )
    name = "a$x_{$b$"  # no formula
    assert train(tmp_path, f"--name={name}", "--max_steps=3", f"--trainer={tmp_path}/t.py") == 0
    run = tmp_path / name / "s0"
    assert (run / "curves.png").exists() and newest(tmp_path, name)["step"] == 3
    said = capsys.readouterr().err
    assert (
        "the picture of step 3 failed (ValueError: no picture); training goes on" in said
        and "curves" not in said
    )


# --- folders


def test_a_run_is_where_it_was_copied_to(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    shutil.copytree(tmp_path / "deleteme", tmp_path / "elsewhere" / "copy")
    shutil.copytree(tmp_path / "deleteme" / "s0", tmp_path / "deleteme" / "s3")
    before = names(folder_of(tmp_path))
    assert mode(tmp_path / "elsewhere", "--name=copy", "--mode=sample", "--samples=2") == 0
    assert mode(tmp_path, "--seed=3", "--mode=sample", "--samples=2") == 0
    copy = tmp_path / "elsewhere" / "copy" / "s0"
    assert (copy / "samples_00000002.png").exists() and names(folder_of(tmp_path)) == before
    other = folder_of(tmp_path, seed=3) / "samples_00000002.png"  # of the seed that it was trained with
    assert other.read_bytes() == (copy / "samples_00000002.png").read_bytes()
    shutil.rmtree(tmp_path / "deleteme")
    assert mode(tmp_path / "elsewhere", "--name=copy", "--mode=animate") == 0
    assert (copy / "animation.gif").exists()


def test_only_the_projects_own_temporary_files_are_removed(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    run = folder_of(tmp_path)
    users = ["notes.tmp", "notes.tmp.txt", "my.tmp12", "samples/best.tmp.png", "checkpoints/x.tmp7"]
    own = ["status.json.tmp12", "checkpoints/step_00000009.pt.tmp7", "samples/step_00000002.png.tmp3"]
    for file in (*users, *own):
        (run / file).write_text("")
    assert train(tmp_path, "--max_steps=3", "--resume=auto") == 0
    assert all((run / file).exists() for file in users) and not any((run / file).exists() for file in own)


def test_modes_do_not_import_what_a_strangers_flags_json_names(tmp_path):
    (tmp_path / "t.py").write_text("from trainers.gan import *")
    assert train(tmp_path, f"--trainer={tmp_path}/t.py", "--max_steps=2") == 0
    # the run's own file
    assert mode(tmp_path, "--mode=sample", "--samples=2", f"--out={tmp_path}/a.png") == 0
    (tmp_path / "t.py").write_text(f"open('{tmp_path}/was_run', 'w')\nfrom trainers.gan import *")
    with pytest.raises(UserError, match=f"--trainer: {tmp_path}/t.py, .* use --trainer=.* if you trust it"):
        mode(tmp_path, "--mode=sample", "--samples=2", f"--out={tmp_path}/b.png")
    assert not (tmp_path / "was_run").exists()
    _executed.cache_clear()
    words = ["--mode=sample", "--samples=2", f"--out={tmp_path}/b.png", f"--trainer={tmp_path}/t.py"]
    assert mode(tmp_path, *words) == 0 and (tmp_path / "was_run").exists()


def test_an_unreadable_run_is_missing(tmp_path):
    assert train(tmp_path, "--max_steps=4", "--save_every_steps=2") == 0
    words = ["--mode=evaluate", "--extractor=pixels", "--protocol=20-train"]
    for path in (folder_of(tmp_path) / "checkpoints").iterdir():
        path.write_bytes(b"")
    for at in ("latest", "all", "2"):
        with pytest.raises(MissingError):
            mode(tmp_path, *words, f"--at={at}")
    for text in ("[]", "5", "{}", "{", "\xff"):
        (folder_of(tmp_path) / "flags.json").write_text(text, encoding="latin1")
        with pytest.raises(MissingError, match="flags.json"):
            mode(tmp_path, *words)


# --- processes


SLOW = (
    "from trainers.gan import *\nimport time\nclass T(MixupGAN):\n"
    " def train_step(self, batch, step):\n  time.sleep(0.1)\n  return super().train_step(batch, step)\n"
    "def get_trainer(nets, args): return T(nets, args)"
)


def started(tmp_path, *words, prefix=(), **options):
    """A slow run as a process of its own, once it has made a step."""
    (tmp_path / "t.py").write_text(SLOW)
    process = subprocess.Popen(
        [
            *prefix,
            sys.executable,
            "task_launcher.py",
            *SMALL,
            f"--save_path={tmp_path}",
            f"--trainer={tmp_path}/t.py",
        ]
        + list(words),
        cwd=ROOT,
        text=True,
        **options,
    )
    until = time.monotonic() + 120
    while not (folder_of(tmp_path) / "metrics.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)
    return process


def test_a_console_that_goes_away_is_no_reason_to_stop(tmp_path):
    process = started(
        tmp_path, "--max_steps=12", "--log_every=1", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    process.stderr.close()
    assert process.wait(120) == 0
    assert "finished: 12 steps" in (folder_of(tmp_path) / "log.txt").read_text()


@pytest.mark.parametrize("prefix, code", [((), 75), (("nohup",), 0)])
def test_a_hangup_saves_unless_it_is_ignored(tmp_path, prefix, code):
    if code and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        pytest.skip("these tests run under nohup, which children inherit")
    process = started(
        tmp_path, "--max_steps=20", prefix=prefix, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    process.send_signal(signal.SIGHUP)
    assert process.wait(120) == code
    status = json.loads((folder_of(tmp_path) / "status.json").read_text())
    assert (
        status["state"] == ("interrupted" if code else "finished")
        and newest(tmp_path)["step"] == status["step"]
    )


def test_a_mode_that_is_interrupted_says_so(tmp_path):
    assert train(tmp_path, "--max_steps=2") == 0
    (tmp_path / "slow.py").write_text(
        "import os, signal, torch\ndef get_extractor():\n os.kill(os.getpid(), signal.SIGTERM)\n"
        " return lambda x: x.flatten(1).float()"
    )
    done = launch(
        "--mode=evaluate", f"--save_path={tmp_path}", f"--extractor={tmp_path}/slow.py", "--protocol=20-train"
    )
    assert done.returncode == 75, done.stderr
    assert done.stderr.strip() == (
        "task_launcher.py: interrupted by signal SIGTERM in --mode=evaluate, which is not finished; "
        "the same command starts again"
    )


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="a PID namespace needs root and unshare"
)
def test_a_live_run_in_another_container_keeps_its_folder(tmp_path):
    inside = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("PID namespaces cannot be made here")
    code = f"from engine.lock import Lock; Lock({str(tmp_path)!r}).take(); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [
            *inside,
            sys.executable,
            "-c",
            code.replace("; Lock", "; import engine.lock as l; l.HEARTBEAT = 0.2; Lock", 1),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    from engine import lock

    with pytest.raises(UserError, match="is being written by process"):
        lock.Lock(tmp_path).take()
    holder.stdin.close()
    holder.wait(30)


def locale_words(tmp_path, name):
    return launch(
        *SMALL,
        f"--save_path={tmp_path}",
        f"--name={name}",
        "--max_steps=2",
        "--resume=auto",
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    )


def test_a_name_that_the_locale_has_no_characters_for(tmp_path):
    for _ in range(2):
        done = locale_words(tmp_path, "größe")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "größe" / "s0" / "metrics.jsonl").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user's folder, and root")
@pytest.mark.parametrize(
    "words, locked",
    [
        (["--mode=evaluate", "--extractor=pixels", "--protocol=20-train"], ""),
        (["--mode=animate"], ""),
        ([*SMALL, "--max_steps=4", "--resume=auto"], "checkpoints"),
    ],
)
def test_folders_that_cannot_be_written(tmp_path, words, locked):
    """As a user who may read but not write them."""
    assert train(tmp_path, "--max_steps=2", "--save_images_every=1") == 0
    run = folder_of(tmp_path)
    for path in (tmp_path, *tmp_path.parents):
        if (
            path.stat().st_uid == 0
            and path != path.parent
            and not path.stat().st_mode & 0o005
            and path.name != "tmp"
        ):
            os.chmod(path, 0o755)
    for folder, _, _ in os.walk(tmp_path):
        os.chmod(folder, 0o777)
    os.chmod(run / locked, 0o555)

    def another_user():
        import filelock  # noqa: F401  what is imported late may lie where only root may read
        import matplotlib.figure  # noqa: F401

        import eval.modes.scoring  # noqa: F401

        os.setgid(65534)
        os.setuid(65534)

    log = str(tmp_path / "log")
    code = inject.run([f"--save_path={tmp_path}", *words], another_user, log)
    last = inject.text(log).strip().splitlines()[-1]
    assert code == 2 and len(last) <= 300 and str(run) in last, inject.text(log)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    return fuzz.Fuzz(str(tmp_path_factory.mktemp("fuzz")), 20261125)


@pytest.mark.parametrize("which", range(40))
def test_a_random_command_line_ends_as_documented(fuzzed, which):
    assert fuzzed.wrong(which) is None


def test_an_average_is_added_or_dropped_on_a_start_from_a_checkpoint(tmp_path):
    """--ema added: the average starts from the network. Dropped: the network goes on alone."""
    assert train(tmp_path, "--max_steps=2", "--name=plain") == 0
    assert train(tmp_path, "--max_steps=2", "--name=averaged", "--ema=0.5") == 0
    at = lambda name: f"--resume={tmp_path}/{name}/s0/checkpoints/step_00000002.pt"
    assert train(tmp_path, at("plain"), "--max_steps=3", "--name=added", "--ema=0.5") == 0
    assert train(tmp_path, at("averaged"), "--max_steps=3", "--name=dropped", "--ema=0") == 0
    plain, added = (newest(tmp_path, name)["modules"] for name in ("plain", "added"))
    for name, value in plain.items():
        if name.startswith("gen.") and value.is_floating_point():
            average = added[name.replace("gen.", "gen_ema.", 1)]
            if "running" not in name:
                assert torch.allclose(average, (value + added[name]) / 2, atol=1e-6), name
    dropped = newest(tmp_path, "dropped")["modules"]
    assert not any(name.startswith("gen_ema.") for name in dropped)
    assert train(tmp_path, "--max_steps=3", "--name=whole", "--ema=0") == 0
    for name, value in newest(tmp_path, "whole")["modules"].items():
        assert torch.equal(value, dropped[name]), name


def test_runs_branch_from_one_checkpoint(tmp_path):
    """With the same flags a branch equals the run prolonged; the state of a method is added or dropped."""
    at = lambda name, step: f"--resume={tmp_path}/{name}/s0/checkpoints/step_0000000{step}.pt"
    methods = (
        "--penalty",
        "lecam=0.3",
        "--lecam_start=0",
        "--apa",
        "--p_every=1",
        "--historical_averaging=0.1",
    )
    assert train(tmp_path, "--max_steps=2", "--name=base") == 0
    assert train(tmp_path, "--max_steps=4", "--name=base", "--resume=auto") == 0
    assert train(tmp_path, at("base", 2), "--max_steps=4", "--name=same") == 0
    assert_equal(newest(tmp_path, "base")["modules"], newest(tmp_path, "same")["modules"])
    assert train(tmp_path, at("base", 2), "--max_steps=4", "--name=late", *methods) == 0
    late = newest(tmp_path, "late")["modules"]
    assert late["penalties.stateful.lecam.real"] != 0 and late["apa.p"] >= 0
    assert late["histories.disc.t"] == 2  # counted from the branch
    same = newest(tmp_path, "same")["modules"]
    assert any(not torch.equal(late[name], same[name]) for name in same if name.startswith("disc."))
    assert train(tmp_path, at("late", 4), "--max_steps=5", "--name=again") == 0
    assert not any(name.startswith(("apa", "histories")) for name in newest(tmp_path, "again")["modules"])
