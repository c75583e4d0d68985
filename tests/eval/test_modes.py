import math

import torch

from eval.modes.walks import slerp
from tests.running import mode, train


def test_slerp_keeps_to_the_arc():
    z0, z1 = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    path = slerp(z0, z1, torch.tensor([0.0, 1 / 3, 1.0]))[0]
    expected = 3 * torch.tensor([[1, 0], [math.cos(math.pi / 6), 0.5], [0, 1]])
    assert torch.allclose(path, expected, atol=1e-6)
    same = slerp(z0, z0 * 2, torch.tensor([0.5]))[0]
    assert torch.allclose(same, torch.tensor([[4.5, 0.0]]))
    z = torch.randn(2, 4, 50)
    assert torch.isfinite(slerp(z[0], -z[0], torch.linspace(0, 1, 5))).all()


def test_interpolate_mode(tmp_path):
    from PIL import Image

    assert train(tmp_path, "--max_steps=2") == 0
    assert mode(tmp_path, "--mode=interpolate", "--samples=3", "--frames=5") == 0
    picture = Image.open(tmp_path / "deleteme" / "s0" / "interpolate_00000002.png")
    assert picture.size == (5 * 50 + 2, 3 * 50 + 2)
    movie = Image.open(tmp_path / "deleteme" / "s0" / "interpolate_00000002.gif")
    assert movie.n_frames == 2 * (5 - 1)  # there and back
