"""Class-conditional networks: shapes, what classes change, and the formulas of D's last stage."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from networks import conditional, dcgan, small, sngan, wgan_gp

K = 4
FILES = {
    "small 8": (small, 8, {"width": 8}),
    "small 32": (small, 32, {"width": 8}),
    "small 64": (small, 64, {"width": 8}),
    "dcgan 28": (dcgan, 28, {"width": 4}),
    "dcgan 64": (dcgan, 64, {"width": 4}),
    "sngan 32": (sngan, 32, {"width": 8, "gen_width": 8}),
    "sngan 64": (sngan, 64, {"width": 8, "gen_width": 8}),
    "model_resnet pre": (sngan, 32, {"width": 8, "gen_width": 8, "pre": "conv"}),
    "wgan_gp 32": (wgan_gp, 32, {"variant": "paper", "width": 8}),
}
WIDTHS = {"projection": (), "concat": (), "acgan": (1 + K,), "d2dce": (1 + K + 512,)}


@pytest.mark.parametrize("kind", conditional.KINDS)
@pytest.mark.parametrize("name", FILES)
def test_shapes_and_what_classes_change(name, kind):
    file, size, options = FILES[name]
    torch.manual_seed(0)
    nets = file.get_network((3, size, size), K, 5, conditional=kind, **options)
    gen, disc = nets["gen"], nets["disc"].eval()
    z, y = torch.randn(3, 5), torch.tensor([0, 3, 1])
    for norm in (m for m in gen.modules() if isinstance(m, conditional.ClassTable)):
        nn.init.normal_(norm.weight)
    x = gen(z, y)
    assert x.shape == (3, 3, size, size) and x.abs().max() <= 1
    gen.eval()
    shares = F.one_hot(y, K).float()
    assert torch.allclose(gen(z, y), gen(z, shares), atol=1e-5)
    assert not torch.allclose(gen(z, y), gen(z, y.flip(0)), atol=1e-3)
    out = disc(x, y=shares)
    assert out.shape == (3, *WIDTHS[kind])
    # hidden states need no classes, and each layer leads to the same output
    for k in range(disc.layers):
        assert torch.allclose(disc(disc(x, stop=k), start=k, y=shares), out, atol=1e-5)
    told = not torch.allclose(disc(x, y=shares.flip(0)), out)
    assert told == (kind in ("projection", "concat"))
    # every parameter has a gradient
    gen.train()
    disc(gen(z, y), y=shares).square().sum().backward()
    for net in (gen, disc):
        assert all(p.grad is not None for p in net.parameters())


def test_class_batch_norm_is_batch_norm_with_the_classs_scale_and_shift():
    torch.manual_seed(0)
    norm = conditional.ClassBatchNorm2d(3, K).double()
    nn.init.normal_(norm.scale.weight)
    nn.init.normal_(norm.shift.weight)
    x, y = torch.randn(5, 3, 2, 2).double(), torch.tensor([0, 1, 2, 3, 1])
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    for i, k in enumerate(y.tolist()):
        scale, shift = (t.weight[k][:, None, None] for t in (norm.scale, norm.shift))
        expected = scale * ((x - mean) / (var + 1e-5).sqrt())[i] + shift
        assert torch.allclose(norm(x, y)[i], expected)


def test_a_projection_is_linear_in_the_shares():
    torch.manual_seed(0)
    head = conditional.Projection(6, K, lambda layer: layer, True).double()
    phi, lam = torch.randn(5, 6).double(), 0.3
    a, b = (F.one_hot(torch.arange(5) * j % K, K).double() for j in (1, 2))
    expected = head.linear(phi).flatten() + (phi * (lam * head.table(a) + (1 - lam) * head.table(b))).sum(1)
    assert torch.allclose(head(phi, lam * a + (1 - lam) * b), expected)
    assert torch.allclose(head(phi, a), head(phi, torch.arange(5) % K))


def test_d2dce_gives_cosines_and_features_of_length_one():
    torch.manual_seed(0)
    head = conditional.DataToData(6, K, lambda layer: layer, True, d=7)
    out = head(torch.randn(5, 6))
    cosines, f = out[:, 1 : 1 + K], out[:, 1 + K :]
    assert torch.allclose(f.norm(dim=1), torch.ones(5)) and cosines.abs().max() <= 1 + 1e-6
    assert torch.allclose(
        cosines, F.cosine_similarity(f[:, None], head.proxies.weight[None], dim=2), atol=1e-6
    )


def test_sngan_with_projection_has_the_papers_parts():
    """Counted from the released code: a table for each block norm of G, D's embedding, no last bias."""
    plain = sngan.get_network((3, 32, 32), 10, 128)
    told = sngan.get_network((3, 32, 32), 10, 128, conditional="projection")
    count = lambda net: sum(p.numel() for p in net.parameters())
    # six norms of 256 maps with a scale and a shift for each of ten classes, in place of one of each
    assert count(told["gen"]) - count(plain["gen"]) == 6 * 2 * 256 * (10 - 1)
    assert count(told["disc"]) - count(plain["disc"]) == 10 * 128
    head = told["disc"].stages[-1][0]
    assert head.linear.bias is None
    # the embedding is spectrally normalised
    assert float(torch.linalg.matrix_norm(head.table.weight.detach(), 2)) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    "options, said",
    (
        ({"conditional": "other"}, "conditional='other': must be one of"),
        ({"conditional": "acgan", "norm": "vbn"}, "conditional: use norm=batch"),
        ({"conditional": "acgan", "minibatch_disc": "4x2"}, "conditional: use norm=batch"),
    ),
)
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        dcgan.get_network((1, 16, 16), K, 5, width=4, **options)


def test_data_without_classes_are_refused():
    with pytest.raises(ValueError, match="the data have no classes"):
        small.get_network((1, 8, 8), 0, 5, conditional="projection")
