"""exps/grid.sh: which cells it makes, what it runs, skips, resumes, and which rows go on at a rung.

The runs are those of a stand-in for the launcher, which writes what a run leaves; one is real, and slow.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from engine.errors import MissingError, UserError
from eval.modes import add_flags
from eval.reports import cells as planning
from eval.reports import grid
from tests.running import ROOT

LAUNCHER = """
import json, os, signal, sys, time

flags = dict(w[2:].split("=", 1) for w in sys.argv[2:] if w.startswith("--") and "=" in w)
steps = int(flags.get("max_steps", 100))
if "--dry_run" in sys.argv:
    print(f"run\\n  steps {steps:,}, epochs 1 of 10 steps, batches of 8\\n  0.5 s a step on cpu, 0 s of it")
    sys.exit()
folder = os.path.join(flags["save_path"], flags["name"], "s" + flags["seed"])
os.makedirs(folder, exist_ok=True)


def status(state, step):
    with open(os.path.join(folder, "status.json"), "w") as file:
        json.dump({"state": state, "step": step}, file)


with open(os.path.join(folder, "started"), "a") as file:
    file.write(" ".join(sys.argv[2:]) + "\\n")
with open(os.path.join(folder, "flags.json"), "w") as file:
    json.dump({"name": flags["name"], "seed": int(flags["seed"]), "steps_per_epoch": 10}, file)
if "wait" in os.environ:

    def stop(*_):
        status("interrupted", 5)
        sys.exit(75)

    signal.signal(signal.SIGTERM, stop)
    status("running", 0)
    time.sleep(60)
if float(flags["lr"]) == 0.5:
    status("diverged", 3)
    print("task_launcher.py: diverged", file=sys.stderr)
    sys.exit(4)
if flags["seed"] == "1" and len(open(os.path.join(folder, "started")).readlines()) == 1:
    status("interrupted", 5)
    sys.exit(75)
with open(os.path.join(folder, "metrics.jsonl"), "w") as file:
    for step in range(10, steps + 1, 10):
        # a larger rate begins better and ends worse
        fid = 100 - float(flags["lr"]) * (step - (step > 20) * 90)
        file.write(json.dumps({"step": step, "eval/fid": fid}) + "\\n")
status("finished", steps)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script whose launcher is the stand-in."""
    monkeypatch.chdir(ROOT)
    launcher = tmp_path / "stand_in.py"
    launcher.write_text(LAUNCHER)
    monkeypatch.setenv("LAUNCH", f"{sys.executable} {launcher}")
    path = tmp_path / "row.sh"
    path.write_text(
        f"""exec $LAUNCH task_launcher.py --name=row --lr=0.1 --save_path={tmp_path}/runs "$@"\n"""
    )
    monkeypatch.setattr(grid.signal, "signal", lambda *_: None)  # they would be this process's
    return str(path)


def words(script, *axes, common=()):
    return [(c.name, c.words) for c in planning.cells_of(script, axes, common, add_flags)]


def test_cells_are_all_combinations_and_say_what_differs(script):
    assert words(script) == [("row", ("--resume=auto", "--name=row"))]
    found = words(script, "mixup=none,pixel", "penalty=none|r1=0.1 gp=10", common=["--max_steps=5"])
    assert [name for name, _ in found] == [
        "row/mixup_none+penalty_none",
        "row/mixup_none+penalty_r1_0.1_gp_10",
        "row/mixup_pixel+penalty_none",
        "row/mixup_pixel+penalty_r1_0.1_gp_10",
    ]
    assert found[3][1][:6] == (
        "--max_steps=5",
        "--resume=auto",
        "--mixup=pixel",
        "--penalty",
        "r1=0.1",
        "gp=10",
    )
    found = words(script, "rows=plain:|both:--mixup=hidden --penalty r1=1", "deterministic=off,on")
    assert [name for name, _ in found][:2] == ["row/plain+deterministic_off", "row/plain+deterministic_on"]
    assert found[1][1] == ("--resume=auto", "--deterministic", "--name=row/plain+deterministic_on")
    assert found[2][1][1:4] == ("--mixup=hidden", "--penalty", "r1=1")


@pytest.mark.parametrize(
    "axes, common, said",
    [
        (["mixupp=none,pixel"], [], "mixupp is no flag of trainers/gan.py"),
        (["mixup=none,pixle"], [], "mixup_pixle: --mixup"),
        (["mixup=none,,pixel"], [], "has an empty value"),
        (["seed=0,1"], [], "use seeds=0-2"),
        (["deterministic=yes"], [], "use deterministic=off,on"),
        (["penalty=none|gp=1"], ["--penalty", "r1=1"], "the script gives --penalty, which stays"),
        (["rows=a b:--lr=1|a_b:--lr=2"], [], "two cells have this name"),
        ([], ["--seed=3"], "--seed: the grid sets it"),
        ([], ["--resume=x.pt"], "leave it out"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(script, axes, common, said):
    with pytest.raises(UserError) as caught:
        words(script, *axes, common=common)
    assert said in str(caught.value)


def test_scripts_that_are_none(tmp_path):
    with pytest.raises(MissingError, match="no such script"):
        words(str(tmp_path / "gone.sh"))
    (tmp_path / "echo.sh").write_text("echo hello\n")
    with pytest.raises(UserError, match="starts no task_launcher.py"):
        words(str(tmp_path / "echo.sh"))


@pytest.mark.parametrize(
    "argv, said",
    [
        (["x.sh", "--halving=FID"], "use it with --rungs"),
        (["x.sh", "--halving=nonsense", "--rungs=1,2"], "use --better=lower"),
        (["x.sh", "--halving=FID", "--rungs=2,1"], "rising"),
        (["x.sh", "--halving=FID", "--rungs=1,2", "--slurm"], "cannot wait for a rung"),
        (["x.sh", "seeds=a"], "use seeds as in"),
        (["x.sh", "--jobs=0"], "of at least 1"),
        (["x.sh", "word"], "given 'word'"),
        ([], "no script given"),
    ],
)
def test_own_flags(argv, said):
    with pytest.raises(UserError) as caught:
        grid.read(argv)
    assert said in str(caught.value)


def test_no_flag_of_the_grid_is_one_of_the_launcher():
    from engine import flags

    assert not {name.removeprefix("--") for name in grid.OWN_FLAGS} & vars(flags.parse([])).keys()


def started(tmp_path, name, seed=0):
    try:
        return (tmp_path / "runs" / name / f"s{seed}" / "started").read_text().splitlines()
    except FileNotFoundError:
        return []


def test_runs_what_is_not_finished_goes_on_and_ends_with_the_table(script, tmp_path, capsys):
    command = [script, "lr=0.1,0.5", "seeds=0-1", "--max_steps=20", "--jobs=2"]
    assert grid.main([*command, "--list"]) == 0 and not (tmp_path / "runs").exists()
    said = capsys.readouterr().out
    assert "4 runs, 4 not finished; about 0:00:20, by 0.5 s a step of row/lr_0.1 s0, 2 at a time" in said
    assert grid.main(command) == 4  # one row diverges
    found = capsys.readouterr()
    assert "row/lr_0.5 s0: exit 4: task_launcher.py: diverged" in found.out and "of 4]" in found.out
    assert "| row/lr_0.1 | 98.0" in found.out and "row/lr_0.5 s1: exit 4; see" in found.err
    # the run of seed 1 exits 75 once, and is started again
    assert len(started(tmp_path, "row/lr_0.1")) == 1 and len(started(tmp_path, "row/lr_0.1", 1)) == 2
    # again: only what has not finished; longer: all of it
    assert grid.main(command) == 4 and len(started(tmp_path, "row/lr_0.1")) == 1
    assert grid.main([script, "lr=0.1", "seeds=0", "--max_steps=40"]) == 0
    assert len(started(tmp_path, "row/lr_0.1")) == 2


def test_halving_keeps_the_better_third_at_equal_steps(script, tmp_path, capsys):
    command = [script, "lr=0.1,0.2,0.3,0.4", "seeds=0-1", "--halving=fid", "--rungs=20,40,60"]
    command += ["--eval_every=1", "--lr_schedule=linear"]
    assert grid.main(command) == 0
    said = capsys.readouterr().out
    assert "row/lr_0.4: fid 92, goes on" in said and "row/lr_0.2: fid 96, ends here" in said
    assert "row/lr_0.3: fid 115, goes on" in said and "row/lr_0.4: fid 120, ends here" in said
    for name, last in (("row/lr_0.1", 20), ("row/lr_0.2", 20), ("row/lr_0.3", 60), ("row/lr_0.4", 40)):
        lines = started(tmp_path, name)
        assert f"--max_steps={last}" in lines[-1], name
        assert all("--schedule_steps=60" in line for line in lines), name
    # a table of each rung, at its own step
    assert "# 4 rows at step 20" in said and "# 2 rows at step 40" in said and "# 1 row at step 60" in said
    # the same command decides the same, and runs nothing
    count = len(started(tmp_path, "row/lr_0.3"))
    assert grid.main(command) == 0 and len(started(tmp_path, "row/lr_0.3")) == count


def test_rungs_where_nothing_is_kept_are_refused(script, capsys):
    assert grid.main([script, "--halving=fid", "--rungs=20,45", "--eval_every=1"]) == 2
    assert "--rungs: 45 is no multiple of --eval_every (10 steps); use 40" in capsys.readouterr().err


def test_a_signal_reaches_the_runs_and_the_grid_says_so(script, tmp_path):
    process = subprocess.Popen(
        ["sh", os.path.join(ROOT, "exps", "grid.sh"), script, "seeds=0-1", "--jobs=2"],
        env=os.environ | {"wait": "1", "VIRTUAL_ENV": sys.prefix} | path(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    files = [tmp_path / "runs" / "row" / f"s{seed}" / "status.json" for seed in (0, 1)]
    end = time.monotonic() + 100
    while not all(file.exists() and file.read_text() for file in files) and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 75 and "the same command goes on" in error
    assert [json.loads(file.read_text())["state"] for file in files] == ["interrupted"] * 2


def path():
    return {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}


def test_slurm_gets_one_line_a_run(script, tmp_path, monkeypatch, capfd):
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/sh\nfor word; do last=$word; done; cp "$last" {tmp_path}/lines; echo "$@"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    assert grid.main([script, "penalty=r1=0.1|r1=0.2", "seeds=0-1", "--slurm", "--jobs=3"]) == 0
    assert "--array=1-4%3 exps/slurm/grid.sbatch" in capfd.readouterr().out
    lines = (tmp_path / "lines").read_text().splitlines()
    assert len(lines) == 4 and lines[1].endswith("--name=row/penalty_r1_0.1 --seed=1")
    # a task runs its line
    (tmp_path / "bin" / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "bin" / "srun").chmod(0o755)
    env = {"SLURM_SUBMIT_DIR": ROOT, "SLURM_ARRAY_TASK_ID": "2", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    env |= {"SLURM_NTASKS": "1", "MASTER_ADDR": "127.0.0.1"}
    sbatch = os.path.join(ROOT, "exps", "slurm", "grid.sbatch")
    done = subprocess.run(["bash", sbatch, str(tmp_path / "lines")], env=os.environ | env, cwd=ROOT)
    assert done.returncode == 75  # the stand-in's first start of seed 1
    assert "--penalty r1=0.1" in started(tmp_path, "row/penalty_r1_0.1", 1)[0]


@pytest.mark.slow
def test_a_row_that_goes_on_is_a_run_that_was_started_long(tmp_path, monkeypatch):
    """Bit for bit, with a learning rate that falls to zero."""
    from tests.running import SMALL, assert_equal, newest

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LAUNCH", sys.executable)
    row = tmp_path / "row.sh"
    row.write_text('exec $LAUNCH task_launcher.py --name=row --resume=auto "$@"\n')
    common = [*SMALL, "--lr_schedule=linear"]
    command = [str(row), "lr=1e-3,2e-3", "--halving=disc/real", "--better=lower", "--rungs=4,8"]
    assert grid.main([*command, f"--save_path={tmp_path}/a", *common]) == 0
    (best,) = [name for name in ("lr_1e-3", "lr_2e-3") if newest(tmp_path / "a", f"row/{name}")["step"] == 8]
    rate = best.removeprefix("lr_")
    assert grid.main([str(row), f"lr={rate}", f"--save_path={tmp_path}/b", "--max_steps=8", *common]) == 0
    assert_equal(newest(tmp_path / "a", f"row/{best}"), newest(tmp_path / "b", f"row/{best}"))
