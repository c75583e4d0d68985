"""Time and peak memory of minibatch discrimination, forward and backward: this project's and the plain form.

    python benchmarks/minibatch_discrimination.py [--n 256] [--kernels 300] [--dims 50] [--threads 1]
    [--device cpu]

Each form runs in a process of its own. On a CPU, the peak is the process's largest resident size less that
before the passes. It includes the input [n, B, C] and its gradient. On a GPU, it is the most that torch's
allocator had handed out.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from networks.minibatch import similarity


def plain(m):
    """All pairs and dimensions at once: [B, n, n, C]."""
    return (m[:, :, None] - m[:, None]).abs().sum(3).neg().exp().sum(2)


FORMS = {"plain": plain, "this project": similarity, "this project, twice differentiated": similarity}


def most_resident():
    """The highest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(form, args):
    """Prints milliseconds and megabytes of one form, and two sums that all forms must share."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    m = (torch.randn(args.kernels, args.n, args.dims, device=args.device) / args.dims).requires_grad_()
    gpu = m.is_cuda

    def passes():
        s = FORMS[form](m)
        if "twice" not in form:
            return s, torch.autograd.grad(s.square().sum(), m)[0]
        (grad,) = torch.autograd.grad(s.square().sum(), m, create_graph=True)
        return s, torch.autograd.grad(grad.square().sum(), m)[0]

    torch.autograd.grad(FORMS[form](m[:1, :4]).sum(), m)  # loads what is loaded lazily
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() if gpu else most_resident()
    times = []
    for _ in range(args.repeat):
        began = time.perf_counter()
        s, grad = passes()
        if gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    peak = (torch.cuda.max_memory_allocated() if gpu else most_resident()) - before
    sums = f"{float(s.detach().sum()):.6g} {float(grad.abs().sum()):.6g}"
    print(f"{1000 * min(times):.0f} {peak / 1e6:.0f} {sums}")


def main():
    """Prints the table, or with --form the numbers of one form."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in (("--n", 256), ("--kernels", 300), ("--dims", 50), ("--threads", 1), ("--repeat", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--form", choices=FORMS, help="this form alone, in this process")
    args = parser.parse_args()
    if args.form:
        return measure(args.form, args)
    print(
        f"n = {args.n}, B x C = {args.kernels} x {args.dims}, {args.device}, {args.threads} thread(s), "
        f"torch {torch.__version__}"
    )
    print("| form | milliseconds | peak MB | sum | sum of abs. gradients |\n|---|---|---|---|---|")
    for form in FORMS:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--form", form], capture_output=True, text=True
        )
        cells = done.stdout.split() if done.returncode == 0 else ["–", "more than there is", "", ""]
        print(f"| {form} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
