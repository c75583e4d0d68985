"""Minibatch discrimination: time and peak memory of a forward and backward pass, this project's form against the plain one.

    python benchmarks/minibatch_discrimination.py [--n 256] [--kernels 300] [--dims 50] [--threads 1]
    [--device cpu]

Each form runs in a process of its own; on a CPU, peak is the process's largest resident size less that before
the passes, the input's own [n, B, C] and its gradient included; on a GPU, what torch's allocator had handed
out at most.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

import torch

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from networks.minibatch import similarity  # noqa: E402


def plain(m):
    """All pairs and dimensions at once: [B, n, n, C]."""
    return (m[:, :, None] - m[:, None]).abs().sum(3).neg().exp().sum(2)


FORMS = {"plain": plain, "this project": similarity, "this project, twice differentiated": similarity}


def measure(form, args):
    """One form, printed as milliseconds, megabytes and a sum that the forms must share."""
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
    before = (
        torch.cuda.memory_allocated() if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    times = []
    for _ in range(args.repeat):
        began = time.perf_counter()
        s, grad = passes()
        if gpu:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    peak = (
        torch.cuda.max_memory_allocated()
        if gpu
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ) - before
    print(
        f"{1000 * min(times):.0f} {peak / 1e6:.0f} {float(s.detach().sum()):.6g} {float(grad.abs().sum()):.6g}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in (("--n", 256), ("--kernels", 300), ("--dims", 50), ("--threads", 1), ("--repeat", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--form", choices=FORMS, help="this form alone, in this process")
    args = parser.parse_args()
    if args.form:
        return measure(args.form, args)
    print(
        f"n = {args.n}, B x C = {args.kernels} x {args.dims}, {args.device}, {args.threads} thread(s), torch {torch.__version__}"
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
