"""ADA's pipeline: closed forms of each transformation, second derivatives, and the values of the authors'
code."""

import math

import pytest
import torch
import torch.nn.functional as F

from losses import ada
from losses.augment import AdaptiveProbability
from tests.losses.test_augment import drawn, images


def transformed(x, p=1.0, seed=1, **strengths):
    return ada.Pipe(strengths)(x, torch.tensor(p, dtype=x.dtype), drawn(seed))


def smooth(n, size):
    """Images [n, 3, size, size] of slow waves, each another, with no symmetry."""
    place = torch.arange(size, dtype=torch.float64) / (size - 1)
    wave = 2 * place[:, None] + 1.3 * place + torch.arange(3.0, dtype=torch.float64)[:, None, None]
    return (wave + torch.arange(n, dtype=torch.float64)[:, None, None, None]).sin()


def which(found, candidates, atol=1e-6):
    """For each image, the candidates {name: images} that it equals."""
    return [
        [n for n, c in candidates.items() if torch.allclose(found[i], c[i], atol=atol)]
        for i in range(len(found))
    ]


@pytest.mark.parametrize("shape", [(2, 3, 16, 24), (2, 1, 8, 8)])
def test_nothing_is_changed_with_probability_0(shape):
    x = images(*shape)
    for name, strengths in ada.PIPES.items():
        if "filter" in strengths:
            continue
        assert torch.allclose(transformed(x, 0.0, **strengths), x, atol=1e-6), name
    x = images(2, 3, 24, 22)
    assert torch.allclose(transformed(x, 0.0, **ada.PIPES["bgcfnc"]), x, atol=1e-6)


def test_flips_and_quarter_turns_and_shifts_of_whole_pixels():
    x = smooth(60, 16)  # the filters are not quite symmetric: turned images are a little smoother
    names = which(transformed(x, flip=1), {"same": x, "flipped": x.flip(3)}, 0.04)
    assert all(len(n) == 1 for n in names) and 20 < names.count(["flipped"]) < 40
    names = which(transformed(x, rotate90=1), {k: torch.rot90(x, k, (2, 3)) for k in range(4)}, 0.04)
    assert all(len(n) == 1 for n in names) and all(5 < names.count([k]) < 25 for k in range(4))
    x = images(60, 3, 16, 16)
    padded = F.pad(x, [2, 2, 2, 2], mode="reflect")
    places = {
        (a, b): padded[:, :, 2 - a : 18 - a, 2 - b : 18 - b] for a in range(-2, 3) for b in range(-2, 3)
    }
    names = which(transformed(x, shift=1), places)
    assert all(len(n) == 1 for n in names) and len({n[0] for n in names}) > 15


@pytest.mark.parametrize("p", (0.3, 0.8))
@pytest.mark.parametrize(
    "name", [n for n in (*ada.GEOMETRY, *ada.COLORS, *ada.CORRUPTIONS) if n != "rotate again"]
)
def test_an_image_is_changed_with_the_probability_that_is_asked_for(name, p):
    """Of flips half, and of quarter turns a quarter, are none."""
    x = images(200, 3, *([24, 24] if name == "filter" else [10, 10]))
    changed = ((transformed(x, p, **{name: 1}) - x).abs().amax((1, 2, 3)) > 1e-4).double().mean()
    some = {"flip": 1 / 2, "rotate90": 3 / 4, "lumaflip": 1 / 2, "filter": 1}.get(name, 1)
    want = 1 - (1 - p) ** 4 if name == "filter" else p * some  # a filter has four bands
    if name == "shift":  # by less than half a pixel either way is not at all
        want = p * (1 - 0.4**2)
    assert changed.item() == pytest.approx(want, abs=0.11)
    half = ((transformed(x, p, **{name: 0.5}) - x).abs().amax((1, 2, 3)) > 1e-4).double().mean()
    assert half < changed


def sampled(x, back):
    return ada.sample(x, back, x.new_tensor(ada.SYM6))


def test_geometry_of_known_maps():
    x, n = smooth(2, 16), torch.zeros(2, dtype=torch.float64)
    assert torch.allclose(sampled(x, ada.rotated(n + math.pi)), x.flip(2, 3), atol=0.04)
    assert torch.allclose(sampled(x, ada.rotated(n + math.pi / 2)), torch.rot90(x, 1, (2, 3)), atol=0.04)
    x = images(2, 3, 16, 16)
    one_right = sampled(x, ada.translated(n + 1, n))
    assert torch.allclose(one_right[..., 1:], x[..., :-1], atol=1e-6)
    one_down = sampled(x, ada.translated(n, n + 1))
    assert torch.allclose(one_down[..., 1:, :], x[..., :-1, :], atol=1e-6)
    # a slow wave twice as large: the filters leave it as it is
    place = torch.arange(16, dtype=torch.float64) - 7.5
    wave = (place / 5).cos().expand(1, 1, 16, 16)
    wide = sampled(wave, ada.scaled(n[:1] + 2, n[:1] + 1))
    assert torch.allclose(wide[..., 4:12], (place / 10).cos().expand(1, 1, 16, 16)[..., 4:12], atol=5e-3)


def test_margins_beyond_what_the_maps_reach_change_nothing(monkeypatch):
    x = images(4, 3, 16, 12)
    found = transformed(x, **ada.PIPES["bg"])
    monkeypatch.setattr(ada, "margins", lambda back, width, height: (width - 1, height - 1) * 2)
    assert torch.allclose(transformed(x, **ada.PIPES["bg"]), found, atol=1e-9)


def test_colours():
    x = images(200, 3, 4, 4)
    mean = x.mean(1, keepdim=True)
    moved = transformed(x, brightness=1) - x
    assert torch.allclose(moved, moved[:, :1, :1, :1].expand_as(x)) and 0.15 < moved.std() < 0.25
    c = transformed(x, contrast=1) / x
    assert torch.allclose(c, c[:, :1, :1, :1].expand_as(x)) and 0.4 < c[:, 0, 0, 0].log2().std() < 0.6
    flipped = which(transformed(x, lumaflip=1), {"same": x, "flipped": x - 2 * mean})
    assert 70 < flipped.count(["flipped"]) < 130 and all(len(n) == 1 for n in flipped)
    turned = transformed(x, hue=1)
    assert torch.allclose(turned.mean(1), x.mean(1)) and torch.allclose(turned.norm(dim=1), x.norm(dim=1))
    cos = F.cosine_similarity((turned - mean)[:, :, 0, 0], (x - mean)[:, :, 0, 0])
    assert cos.min() < -0.9 and cos.max() > 0.9 and abs(cos.mean()) < 0.2
    s = (transformed(x, saturation=1) - mean) / (x - mean)
    assert torch.allclose(s, s[:, :1, :1, :1].expand_as(x)) and 0.8 < s[:, 0, 0, 0].log2().std() < 1.2


def test_grey_images_are_those_of_equal_colours():
    """Hue and saturation leave them alone, and draw nothing for them."""
    grey = images(5, 1, 4, 4)
    strengths = {"brightness": 1, "contrast": 1, "lumaflip": 1}
    want = transformed(grey.expand(-1, 3, -1, -1), **strengths)
    assert torch.allclose(transformed(grey, **strengths), want[:, :1])
    assert torch.equal(transformed(grey, **ada.PIPES["color"]), transformed(grey, **strengths))


def test_the_filter_bank_sums_to_the_identity_and_keeps_the_power():
    bank = ada.bank()
    delta = torch.zeros(bank.shape[1], dtype=torch.float64)
    delta[bank.shape[1] // 2] = 1
    assert torch.allclose(bank.sum(0), delta, atol=1e-9)
    assert bank.shape[1] // 2 == ada.BAND


def test_noise_and_cutout():
    x = images(300, 3, 16, 16)
    std = (transformed(x, noise=1) - x).std((1, 2, 3))
    assert std.square().mean().sqrt().item() == pytest.approx(0.1, abs=0.02)
    blank = (transformed(x, cutout=1) == 0).all(1)
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.sum((1, 2)), rows * columns)
    assert rows.max() == 8 and columns.max() == 8 and rows.min() >= 3
    assert (rows == 8).double().mean().item() == pytest.approx(0.5, abs=0.1)


def test_second_derivatives_as_penalties_on_slopes_need_them():
    x = images(1, 3, 3, 3).requires_grad_()
    for seed in range(2):
        through = lambda x, seed=seed: torch.tanh(transformed(x, seed=seed, **ada.PIPES["r3gan"]))
        assert torch.autograd.gradcheck(through, x)
        assert torch.autograd.gradgradcheck(through, x)


def test_draws_come_from_the_generator_alone_and_repeat():
    x = images(3, 3, 24, 24)
    state = torch.get_rng_state()
    assert torch.equal(transformed(x, **ada.PIPES["bgcfnc"]), transformed(x, **ada.PIPES["bgcfnc"]))
    assert torch.equal(state, torch.get_rng_state())
    assert not torch.equal(transformed(x, **ada.PIPES["bgc"]), transformed(x, seed=2, **ada.PIPES["bgc"]))


# mean and mean square of T x with p = 0.7 by the pipeline in R3GAN's repository (that of StyleGAN2-ADA), in
# float64, for the same generator
AUTHORS = {
    "blit": (0.8281864310687768, 0.9812102293643908),
    "geom": (0.859350014474669, 1.0486244721476543),
    "color": (0.15412203908645364, 0.9713460508459296),
    "filter": (0.33106003865969674, 0.16553182884372739),
    "noise": (0.8267289386239304, 0.9820589510404131),
    "cutout": (0.7516507880245185, 0.9061710324513259),
    "bg": (0.8381092636225004, 0.9651450153104164),
    "bgc": (0.9766201000162418, 1.3814006874541045),
    "bgcf": (0.5723775898617072, 0.43520887937162345),
    "bgcfn": (0.5705681764101541, 0.44256503585097207),
    "bgcfnc": (0.45118149430485155, 0.33445462864862907),
    "r3gan": (0.9327149065306587, 1.3508353592399962),
}


@pytest.mark.parametrize("name", AUTHORS)
def test_the_values_of_the_authors_code(name):
    line = lambda *shape: torch.linspace(-1, 1, math.prod(shape), dtype=torch.float64).view(shape)
    x = line(4, 3, 24, 24).sin() + line(24).cos()
    found = transformed(x, 0.7, seed=7, **ada.PIPES[name])
    assert (found.mean().item(), found.square().mean().item()) == pytest.approx(AUTHORS[name], abs=1e-8)


def test_p_follows_the_sign_of_r_t_over_the_target():
    adaptive = AdaptiveProbability(target=0.6, images=1000, every=4)
    signs = [1, 1, 1, 0] + [0.6, 0.6, 0.6, 0.5] + [-1] * 8 + [1] * 4 + [0.9] * 3
    seen = []
    for step, r in enumerate(signs):
        adaptive.observe(torch.tensor(float(r)), 10, step)
        seen.append(round(adaptive.p.item(), 6))
    step = 4 * 10 / 1000
    assert seen == pytest.approx(
        [0, 0, 0, step, step, step, step, 0] + [0] * 8 + [0, 0, 0, step] + [step] * 3
    )
    before = {k: v.clone() for k, v in adaptive.state_dict().items()}
    adaptive.observe(torch.tensor(float("nan")), 10, len(signs))
    adaptive.settle(torch.tensor(1.0))
    assert all(torch.equal(v, before[k]) for k, v in adaptive.state_dict().items())
