"""Speeds of the evaluator beside plain formulations: python benchmarks/evaluation.py [--quick].

The formulations take turns in one process. Each line has the median seconds and the ratio to the first
formulation. For networks it also has images/s and the share of the best rate that a library reaches here in
float32. Where the official weights of Inception are missing, random ones stand in; the speed is the same.
"""

import argparse
import os
import resource
import sys
import tempfile

import numpy as np
import torch
from scipy import linalg

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from benchmarks.common import best_rate, machine, medians, workloads
from engine import memory
from eval.metrics import extractors
from eval.metrics.frechet import frechet_of_few, trace_of_root
from eval.metrics.kid import kid
from eval.metrics.manifold import manifold
from eval.metrics.statistics import Moments

INCEPTION_FLOP = 11.4e9  # of one image of 299x299


def show(title, seconds, more=lambda s: ""):
    """Prints a title, and a line for each of {name: seconds}. more: seconds -> further text of the line."""
    print(title)
    first = next(iter(seconds.values()))
    for name, s in seconds.items():
        print(f"  {name:58s} {s:9.4f} s   x {first / s:5.2f}{more(s)}")


def frechet_distances(d, repeats, slow):
    """Times tr((A B)^(1/2)) of two d-dimensional covariances. slow: scipy's matrix square root too."""
    x, y = (
        torch.randn(2 * d, d, dtype=torch.float64) @ torch.randn(d, d, dtype=torch.float64) / d**0.5
        for _ in range(2)
    )
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)

    def general():
        return np.sqrt(np.linalg.eigvals(a @ b).astype("complex128")).real.sum()

    forms = {
        "eigvals of the product (torch-fidelity)": general,
        "ours: Cholesky, eigvalsh": lambda: trace_of_root(a, b),
    }
    if slow:
        forms = {"scipy.linalg.sqrtm (pytorch-fid)": lambda: np.trace(linalg.sqrtm(a @ b)).real} | forms
    values = [float(form()) for form in forms.values()]
    difference = max(values) / min(values) - 1
    show(
        f"trace of the root of two {d}-d covariances (largest relative difference {difference:.0e})",
        medians(forms, repeats),
    )
    few = [x[:500].numpy(), y[:500].numpy()]
    c, e = (np.cov(part.T) for part in few)
    forms = {
        "eigvals of the product (torch-fidelity)": lambda: np.linalg.eigvals(c @ e),
        "ours: singular values": lambda: frechet_of_few(*few),
    }
    show(f"the same from 500 images of {d} features", medians(forms, 1))


def inception(folder, batch, repeats, rate):
    """Times Inception-v3. folder: for random weights; rate: operations/s that the machine reaches at best."""
    try:
        import torch_fidelity.feature_extractor_inceptionv3 as module
    except ImportError:
        return print("Inception: torch-fidelity is not installed")
    path = extractors.inception_weights()
    if path is None:
        module.load_state_dict_from_url, load = (
            lambda *a, **k: {},
            module.FeatureExtractorInceptionV3.load_state_dict,
        )
        module.FeatureExtractorInceptionV3.load_state_dict = lambda *a, **k: None
        path = os.path.join(folder, "random.pth")
        torch.save(module.FeatureExtractorInceptionV3("random", ["2048"]).state_dict(), path)
        module.FeatureExtractorInceptionV3.load_state_dict = load
    theirs = module.FeatureExtractorInceptionV3(
        "plain", ["2048", "logits_unbiased"], feature_extractor_weights_path=path
    )
    ours = extractors.get("inception", weights=path)
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        reference = theirs(images)[0]
        found = ours(images)["features"]
        difference = float((found - reference).norm() / reference.norm())
        print(f"Inception: relative difference of features {difference:.0e}")
        forms = {
            "torch-fidelity": lambda: theirs(images),
            "ours: folded batch norm, channels-last, fused ReLU": lambda: ours(images),
        }

        def speed(s):
            share = 100 * batch * INCEPTION_FLOP / s / rate
            return f"   {batch / s:6.1f} images/s   {share:3.0f}% of the best rate"

        show(f"Inception-v3, {batch} images of 32x32, float32", medians(forms, repeats), speed)


def efficientnet(batch, repeats):
    """Times EfficientNet-lite0 in the package's form and in ours."""
    try:
        ours = extractors.get("efficientnet")
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        return print("EfficientNet: the packages are not installed")
    plain = EfficientNet.from_name("efficientnet-lite0").eval()
    images = torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8)

    def contiguous():
        with torch.inference_mode():
            plain(torch.nn.functional.interpolate(images.float(), (224, 224), mode="bilinear"))

    show(
        f"EfficientNet-Lite0, {batch} images of 32x32",
        medians({"the package, contiguous": contiguous, "ours": lambda: ours(images)}, repeats),
        lambda s: f"   {batch / s:6.1f} images/s",
    )


def streams(d, repeats):
    """Times what metrics compute of features [2000, d]: moments, precision and recall, kernel distance."""
    x, y = torch.randn(2000, d), torch.randn(2000, d)
    moments = Moments(d)

    def plain():
        parts = [part.double() for part in x.split(64)]
        return torch.cov(torch.cat(parts).T)

    def streamed():
        for part in x.split(64):
            moments.add(part)

    show(
        f"moments of 2,000 x {d} features in batches of 64",
        medians({"kept in a list, torch.cov": plain, "ours: merged batch by batch": streamed}, repeats),
    )
    show(
        f"precision, recall, density, coverage of 2,000 and 2,000 x {d}",
        medians(
            {
                "three exact distance matrices": lambda: [
                    torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")
                    for a, b in ((x, x), (y, y), (x, y))
                ],
                "ours: products, ties measured again": lambda: manifold(x, y),
            },
            1,
        ),
    )
    show(
        f"kernel distance, 10 of 100 subsets of 1,000 x {d}",
        medians({"ours": lambda: kid(x, y, subsets=10)}, 1),
    )


def main():
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--slow", action="store_true", help="scipy's matrix square root too (16 s a call)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's choice)")
    args = parser.parse_args()
    memory.keep_freed()  # as the launcher does
    if args.threads:
        torch.set_num_threads(args.threads)
    d, repeats = (128, 1) if args.quick else (2048, 5)
    work = workloads()
    rate, _ = best_rate(work, medians({name: function for name, (function, _) in work.items()}, 5))
    print(f"{machine()}; best rate in float32: {rate / 1e9:.0f} GFLOP/s")
    torch.manual_seed(0)
    frechet_distances(d, repeats, args.slow)
    with tempfile.TemporaryDirectory() as folder:
        inception(folder, 2 if args.quick else 16, repeats, rate)
    efficientnet(2 if args.quick else 32, repeats)
    streams(d, 1 if args.quick else 3)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
