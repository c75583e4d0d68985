"""The cluster scripts, with stand-ins for Slurm's commands.

srun runs its command as each of SLURM_NTASKS tasks; scontrol notes what it is asked.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.running import ROOT

WORDS = [
    "--iterator=tests/made.py",
    "--iterator_args",
    "size=8",
    "channels=1",
    "--network_args",
    "width=8",
    "--batch_size=8",
    "--cpu",
    "--log_every=1",
    "--samples=4",
    "--save_images_every=0",
]
PATH = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
SRUN = """#!/bin/sh
trap 'kill -USR1 $pids' USR1
task=0 pids=
while [ $task -lt $SLURM_NTASKS ]; do
  SLURM_PROCID=$task SLURM_LOCALID=$task "$@" & pids="$pids $!"; task=$((task + 1))
done
code=0
for pid in $pids; do
  while kill -0 $pid 2>/dev/null; do wait $pid; c=$?; done; [ $c -gt $code ] && code=$c
done
exit $code
"""


@pytest.fixture
def slurm(tmp_path):
    """The environment of a job, and the file that scontrol writes to."""
    for name, text in (
        ("srun", SRUN),
        (
            "scontrol",
            f'#!/bin/sh\ncase $1 in show) echo 127.0.0.1;; *) echo "$@" >> {tmp_path}/asked;; esac\n',
        ),
    ):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
    env = os.environ | {
        "SLURM_SUBMIT_DIR": ROOT,
        "SLURM_JOB_ID": "4711",
        "SLURM_NTASKS": "1",
        "SLURM_JOB_NODELIST": "here",
        "LAUNCH": sys.executable,
        "VIRTUAL_ENV": sys.prefix,
        "PATH": f"{tmp_path}:{PATH}",
    }
    return env, tmp_path / "asked"


def start(env, *words):
    return subprocess.Popen(
        ["bash", *words],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(path):
    until = time.monotonic() + 90
    while not (path.exists() and path.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    assert path.exists()


def state(folder):
    return json.loads((folder / "status.json").read_text())["state"]


def test_a_job_saves_at_slurms_signal_requeues_itself_and_goes_on(tmp_path, slurm):
    env, asked = slurm
    words = ["exps/slurm/train.sbatch", "exps/quickstart.sh", f"--save_path={tmp_path}", *WORDS, "--name=q"]
    run = tmp_path / "q" / "s0"
    job = start(env, *words, "--max_steps=1000000")
    wait_for(run / "metrics.jsonl")
    # Slurm's --signal=USR1@120 reaches the processes of the job's steps
    subprocess.run(["pkill", "-USR1", "-f", f"task_launcher.py.*save_path={tmp_path}"], check=True)
    output = job.communicate(timeout=60)[0]
    assert job.returncode == 75 and state(run) == "interrupted", output
    assert asked.read_text() == "requeue 4711\n"
    step = json.loads((run / "status.json").read_text())["step"]
    again = start(env, *words, f"--max_steps={step + 2}")
    output = again.communicate(timeout=120)[0]
    assert again.returncode == 0 and state(run) == "finished" and f"start at step {step}" in output
    assert asked.read_text() == "requeue 4711\n"


def test_two_tasks_form_one_group_and_an_array_task_is_a_seed(tmp_path, slurm):
    env, asked = slurm
    env |= {"SLURM_NTASKS": "2", "SLURM_ARRAY_TASK_ID": "3", "MASTER_PORT": "29713"}
    job = start(
        env,
        "exps/slurm/array.sbatch",
        "exps/quickstart.sh",
        f"--save_path={tmp_path}",
        *WORDS,
        "--name=q",
        "--max_steps=3",
    )
    output = job.communicate(timeout=120)[0]
    assert (
        job.returncode == 0
        and "2 process(es)" in output
        and state(tmp_path / "q" / "s3") == "finished"
        and not asked.exists()
    ), output


def test_until_done_restarts_on_75_alone_and_passes_signals_on(tmp_path):
    script = tmp_path / "script.sh"
    script.write_text(
        f"n=$(cat {tmp_path}/n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > {tmp_path}/n\n"
        "[ $n -lt 3 ] && exit 75; exit $1"
    )
    for code in (0, 4):
        (tmp_path / "n").unlink(missing_ok=True)
        done = subprocess.run(["sh", f"{ROOT}/exps/until_done.sh", str(script), str(code)])
        assert done.returncode == code and (tmp_path / "n").read_text() == "3\n"
    env = os.environ | {"LAUNCH": sys.executable, "VIRTUAL_ENV": sys.prefix, "PATH": PATH}
    process = subprocess.Popen(
        [
            "sh",
            f"{ROOT}/exps/until_done.sh",
            f"{ROOT}/exps/quickstart.sh",
            f"--save_path={tmp_path}",
            *WORDS,
            "--name=q",
            "--max_steps=1000000",
        ],
        env=env,
        stdout=subprocess.DEVNULL,
    )
    wait_for(tmp_path / "q" / "s0" / "metrics.jsonl")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 75 and state(tmp_path / "q" / "s0") == "interrupted"


def test_seeds(tmp_path):
    env = os.environ | {"LAUNCH": sys.executable, "VIRTUAL_ENV": sys.prefix, "PATH": PATH}
    done = subprocess.run(
        [
            "sh",
            "exps/seeds.sh",
            "exps/quickstart.sh",
            "1-2",
            f"--save_path={tmp_path}",
            *WORDS,
            "--name=q",
            "--max_steps=1",
        ],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and sorted(os.listdir(tmp_path / "q")) == ["s1", "s2"], done.stderr
    for bad in (["exps/quickstart.sh"], ["exps/quickstart.sh", "a-b"], ["exps/none.sh", "0-1"]):
        assert subprocess.run(["sh", "exps/seeds.sh", *bad], cwd=ROOT, capture_output=True).returncode == 2
