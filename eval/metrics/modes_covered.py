"""How many modes of the data samples cover: centres of a mixture of Gaussians, or classes of a classifier."""

import math

import torch


def mixture(points, centres, sigma, radius=3.0, least=1):
    """{"modes", "high_quality", "points_per_mode"} of points [n, d] drawn for a mixture with centres [m, d]
    and deviation sigma.

    A point is of high quality if it lies within radius * sigma of its nearest centre; a mode is covered if
    `least` or more such points have its centre as the nearest. high_quality is their share of all points, 1 -
    exp(-radius^2 / 2) for perfect samples of isotropic 2-D Gaussians. Lin et al. 2018 (PacGAN): radius 3,
    least 1, 2,500 points. Tran et al. 2018 (Dist-GAN): radius 2.83, least 20, 2,000 points. Raises ValueError
    for points that are not finite.
    """
    points, centres = torch.as_tensor(points).double().flatten(1), torch.as_tensor(centres).double()
    if not torch.isfinite(points).all():
        raise ValueError("some points are not finite")
    distance, nearest = torch.cdist(points, centres, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    good = distance <= radius * sigma
    counts = torch.bincount(nearest[good], minlength=len(centres))
    return {
        "modes": int((counts >= least).sum()),
        "high_quality": float(good.double().mean()),
        "points_per_mode": counts.tolist(),
    }


def classes(counts, frequencies=None):
    """{"modes", "kl", "kl_bias", "entropy"} of the numbers of samples in each of M classes, int [M].

    modes = #{c: n_c > 0}; kl = sum_c p_c log(p_c / q_c) in nats, with p = counts / n and q = `frequencies`
    (of any positive scale) or uniform. entropy = -sum_c p_c log p_c in nats, at most log M. kl_bias = (modes
    - 1) / (2 n), about the mean of kl for perfect samples. Metz et al. 2017, section 3.3.
    """
    p = torch.as_tensor(counts).double() / int(torch.as_tensor(counts).sum())
    q = torch.full_like(p, 1 / len(p)) if frequencies is None else torch.as_tensor(frequencies).double()
    q = q / q.sum()
    covered = p > 0
    modes = int(covered.sum())
    kl = float((p[covered] * (p[covered] / q[covered]).log()).sum())
    return {
        "modes": modes,
        "kl": kl if math.isfinite(kl) else math.inf,
        "kl_bias": (modes - 1) / (2 * int(torch.as_tensor(counts).sum())),
        "entropy": float(-(p[covered] * p[covered].log()).sum()) + 0.0,  # + 0.0: no -0.0
    }


def counts_of(labels, n_classes):
    """int64 [n_classes]: how often each class occurs among labels, int [n]."""
    return torch.bincount(torch.as_tensor(labels), minlength=n_classes)
