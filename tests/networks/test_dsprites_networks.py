import torch

from networks import dsprites


def test_shapes():
    nets = dsprites.get_network((1, 64, 64), 0)
    x = torch.rand(2, 1, 64, 64) * 2 - 1
    h = nets["enc"](x)
    assert (
        h.shape == (2, 10)
        and nets["dec"](h).shape == x.shape
        and nets["dec"](100 * h).abs().max() <= 1
        and nets["disc"](x).shape == (2,)
    )
    assert set(nets) == {"enc", "dec", "disc"}
    vae = dsprites.get_network((1, 64, 64), 3, vae=True, width=8)
    assert (
        vae["enc"](x).shape == (2, 20)
        and vae["enc"].variational
        and vae["enc"].code_shape == (10,)
        and vae["probe"](h).shape == (2, 3)
    )
    assert torch.allclose(nets["disc"].eval()(nets["disc"](x, stop=3), start=3), nets["disc"](x), atol=1e-5)


def test_activations_keep_their_size():
    torch.manual_seed(0)
    nets = dsprites.get_network((1, 64, 64), 0)
    z = torch.randn(64, 10)
    before_tanh = nets["dec"].maps[:-1](nets["dec"].dense(z).view(64, 32, 4, 4))
    assert 0.1 < float(before_tanh.detach().std()) < 3
