"""No step of any system makes the host wait for the device: nothing computed is read back."""

import os
import traceback

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.common import ROOT, words_of
from benchmarks.steps import SCRIPTS, Case
from engine.record import Means

# operators that copy a tensor's numbers, or what depends on them, to the host
READS = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique_dim", "_unique2"}
# drawn on the CPU for this purpose
ALLOWED = {("mixing.py", "draw")}


class Reads(TorchDispatchMode):
    """The (file, function) that asked for each read inside it."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function._overloadpacket.__name__ in READS:
            caller = [
                frame
                for frame in traceback.extract_stack()[:-1]
                if frame.filename.startswith(ROOT) and "site-packages" not in frame.filename
            ][-1]
            self.found.add((os.path.basename(caller.filename), caller.name))
        return function(*args, **(kwargs or {}))


CASES = [
    ("exps/quickstart.sh", "--mixup=vh1", "--historical_averaging=1", "--ema=0.9"),
    ("exps/quickstart.sh", "--penalty", "gp=1", "dragan=1", "r1=1"),
    ("exps/mnist_downstream/mixup.sh",),
    ("exps/mnist_downstream/acai.sh",),
    ("exps/points/line2024_jsgan.sh",),
    ("exps/bigan/mnist10k.sh",),
    ("exps/cyclegan/mnist10k.sh",),
    ("exps/dist_gan_toys/square_dist_gan.sh",),
    ("exps/mdistgan_cifar10.sh", "--network_args", "width=8"),
    ("exps/ssgan/cifar10_ssgan.sh", "--network_args", "width=8"),
    ("exps/mnist10k_improved/all.sh",),
]


@pytest.mark.parametrize(
    "script, more",
    [(case[0], case[1:]) for case in CASES],
    ids=[f"{os.path.basename(case[0])}{i}" for i, case in enumerate(CASES)],
)
def test_no_step_reads_the_device(script, more):
    case, means = (
        Case([*words_of(script), "--threads=0", "--resume=none", "--batch_size=8", *more], SCRIPTS[script]),
        Means(),
    )
    case.step()
    with Reads() as reads:
        for _ in range(2):
            case.trainer.on_step_start(case.step_number)
            means.add(case.trainer.step(case.batch, case.step_number))
            case.step_number += 1
    assert reads.found <= ALLOWED


def test_a_read_is_found():
    with Reads() as reads:
        float(torch.ones(()))
    assert reads.found == {("test_waits.py", "test_a_read_is_found")}
