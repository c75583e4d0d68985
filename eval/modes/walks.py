"""Walks between noise points."""

import torch


def slerp(z0, z1, t):
    """Spherical interpolation sin((1-t) w)/sin(w) z0 + sin(t w)/sin(w) z1, w the angle between z0 and z1.
    White 2016, section 2.1.

    z0, z1: [n, d]; t: [k] in [0, 1]. Returns [n, k, d]; straight where the points are parallel.
    """
    unit = [z / z.norm(dim=1, keepdim=True).clamp(min=1e-12) for z in (z0, z1)]
    w = (unit[0] * unit[1]).sum(1).clamp(-1, 1).acos()[:, None, None]
    t = t[None, :, None]
    parallel = w.sin() < 1e-4
    a, b = ((torch.sin(s * w) / torch.where(parallel, torch.ones_like(w), w.sin())) for s in (1 - t, t))
    return torch.where(parallel, 1 - t, a) * z0[:, None] + torch.where(parallel, t, b) * z1[:, None]
