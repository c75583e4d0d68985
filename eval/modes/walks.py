"""Walks between noise points."""

import torch

from engine.errors import UserError


def between(args):
    """The walk of --interpolation: function(z0, z1, t), see slerp. By default that which stays where noise of
    --z_dist is. Raises UserError for one that does not."""
    uniform = args.z_dist == "uniform"
    if uniform and args.interpolation == "spherical":
        raise UserError(
            "--interpolation=spherical: the arc between two points of --z_dist=uniform leaves the cube "
            "[-1, 1]^d, for which the generator was trained; use --interpolation=linear"
        )
    return WALKS[args.interpolation or ("linear" if uniform else "spherical")]


def straight(z0, z1, t):
    """Linear interpolation (1 - t) z0 + t z1. z0, z1: [n, d]; t: [k] in [0, 1]. Returns [n, k, d]."""
    return torch.lerp(z0[:, None], z1[:, None], t[None, :, None])


def slerp(z0, z1, t):
    """Spherical interpolation sin((1-t) w)/sin(w) z0 + sin(t w)/sin(w) z1, w the angle between z0 and z1.

    z0, z1: [n, d]; t: [k] in [0, 1]. Returns [n, k, d]. Where z0 and z1 are parallel, the interpolation is
    linear. White 2016, section 2.1.
    """
    unit = [z / z.norm(dim=1, keepdim=True).clamp(min=1e-12) for z in (z0, z1)]
    w = (unit[0] * unit[1]).sum(1).clamp(-1, 1).acos()[:, None, None]
    t = t[None, :, None]
    parallel = w.sin() < 1e-4
    a, b = ((torch.sin(s * w) / torch.where(parallel, torch.ones_like(w), w.sin())) for s in (1 - t, t))
    return torch.where(parallel, 1 - t, a) * z0[:, None] + torch.where(parallel, t, b) * z1[:, None]


WALKS = {"linear": straight, "spherical": slerp}
