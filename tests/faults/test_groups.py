"""Groups of processes that break and start again: torchrun's restarts, and two nodes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.running import ROOT, SMALL, assert_equal, newest

WORDS = [*SMALL, "--mixup=vh2", "--ema=0.9", "--save_every_steps=5", "--resume=auto"]
SLOW = """
from trainers.gan import *
import time
class T(MixupGAN):
    def train_step(self, batch, step):
        time.sleep({})
        return super().train_step(batch, step)
def get_trainer(nets, args): return T(nets, args)
"""


def torchrun(*words, prefix=(), **options):
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "torch.distributed.run", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def finish(process):
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output[-3000:]
    return output


def worker(group, rank):
    """The process number of a rank of the group: a child of its torchrun.

    A grandchild may look the same until it has begun its own program.
    """
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/environ") as environ:
                if int(
                    stat.read().rsplit(")", 1)[1].split()[1]
                ) == group.pid and f"RANK={rank}" in environ.read().split("\0"):
                    return int(pid)
        except OSError:
            pass  # it has just ended
    raise AssertionError(f"no process of rank {rank}")


def wait_for_checkpoint(folder):
    until = time.monotonic() + 120
    while (
        not (os.path.isdir(folder) and any(f.endswith(".pt") for f in os.listdir(folder)))
        and time.monotonic() < until
    ):
        time.sleep(0.05)


def test_a_killed_worker_resumes_by_itself(tmp_path):
    trainer = tmp_path / "t.py"
    trainer.write_text(SLOW.format(0.05))
    words = ["task_launcher.py", *WORDS, f"--trainer={trainer}", f"--save_path={tmp_path}", "--max_steps=60"]
    finish(torchrun("--standalone", "--nproc_per_node=2", *words, "--name=whole"))
    group = torchrun("--standalone", "--nproc_per_node=2", "--max-restarts=3", *words, "--name=elastic")
    wait_for_checkpoint(tmp_path / "elastic" / "s0" / "checkpoints")
    os.kill(worker(group, 1), signal.SIGKILL)
    output = finish(group)
    assert len(re.findall("start at step", output)) == 2
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "elastic"))
    assert (tmp_path / "whole/s0/metrics.jsonl").read_bytes() == (
        tmp_path / "elastic/s0/metrics.jsonl"
    ).read_bytes()


@pytest.mark.parametrize("number", (signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)))
def test_a_stop_that_reaches_launcher_and_workers_alike_saves(tmp_path, number):
    """Schedulers signal every process, and torchrun hands its own signal on: the workers see two."""
    trainer = tmp_path / "t.py"
    trainer.write_text(SLOW.format(0.3))
    words = ["task_launcher.py", *WORDS, f"--trainer={trainer}", f"--save_path={tmp_path}", "--max_steps=200"]
    group = torchrun("--standalone", "--nproc_per_node=2", *words, "--name=parts")
    wait_for_checkpoint(tmp_path / "parts" / "s0" / "checkpoints")
    for pid in (worker(group, 0), worker(group, 1), group.pid):
        os.kill(pid, number)
    output = group.communicate(timeout=120)[0]
    status = json.loads((tmp_path / "parts/s0/status.json").read_text())
    assert status["state"] == "interrupted", output[-3000:]
    assert newest(tmp_path, "parts")["step"] == status["step"]


@pytest.mark.slow
def test_a_group_stops_together_at_a_signal_to_one(tmp_path):
    trainer = tmp_path / "t.py"
    trainer.write_text(SLOW.format(0.05))
    words = ["task_launcher.py", *WORDS, f"--trainer={trainer}", f"--save_path={tmp_path}"]
    finish(torchrun("--standalone", "--nproc_per_node=2", *words, "--name=whole", "--max_steps=60"))
    group = torchrun("--standalone", "--nproc_per_node=2", *words, "--name=parts", "--max_steps=60")
    wait_for_checkpoint(tmp_path / "parts" / "s0" / "checkpoints")
    os.kill(worker(group, 1), signal.SIGUSR1)
    group.communicate(timeout=120)
    assert '"interrupted"' in (tmp_path / "parts/s0/status.json").read_text()
    finish(torchrun("--standalone", "--nproc_per_node=2", *words, "--name=parts", "--max_steps=60"))
    assert_equal(newest(tmp_path, "whole"), newest(tmp_path, "parts"))


@pytest.fixture
def two_hosts():
    """Two network namespaces joined by a cable: prefixes of commands, and the first one's address."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and the command ip (Debian: iproute2)")
    made = subprocess.run(
        "ip netns add nodea && ip netns add nodeb && ip link add va netns nodea type veth peer name vb netns "
        "nodeb && ip -n nodea addr add 10.77.0.1/24 dev va && ip -n nodeb addr add 10.77.0.2/24 dev vb && "
        "for n in a b; do ip -n node$n link set lo up && ip -n node$n link set v$n up; done",
        shell=True,
        capture_output=True,
        text=True,
    )
    try:
        if made.returncode:
            pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
        yield [("ip", "netns", "exec", "nodea"), ("ip", "netns", "exec", "nodeb")], "10.77.0.1"
    finally:
        subprocess.run("ip netns del nodea; ip netns del nodeb", shell=True, capture_output=True)


@pytest.mark.slow
def test_two_nodes_equal_one_and_need_no_common_folder(tmp_path, two_hosts):
    prefixes, address = two_hosts
    words = ["task_launcher.py", *WORDS, "--max_steps=12", "--name=nodes"]
    finish(torchrun("--standalone", "--nproc_per_node=2", *words, f"--save_path={tmp_path}/one"))

    def both(*more):
        nodes = [
            torchrun(
                "--nnodes=2",
                "--nproc_per_node=1",
                f"--node_rank={n}",
                f"--master_addr={address}",
                "--master_port=29555",
                *words,
                *more,
                f"--save_path={tmp_path}/{'ab'[n]}",
                prefix=prefixes[n],
                env=os.environ | {"GLOO_SOCKET_IFNAME": ("va", "vb")[n]},
            )
            for n in range(2)
        ]
        for node in nodes:
            finish(node)

    both("--max_steps=5")
    both()
    written = [p for p in "ab" if (tmp_path / p).exists()]
    assert len(written) == 1  # whichever node was given rank 0, alone
    assert_equal(newest(tmp_path / "one", "nodes"), newest(tmp_path / written[0], "nodes"))
