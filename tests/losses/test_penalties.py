import pytest
import torch

from losses.penalties import PENALTIES, Context, LeCam, input_gradient, zero_centred

FUNCTIONS = [name for name, row in PENALTIES.items() if not isinstance(row, type)]
N, SHAPE = 5, (2, 3, 3)


@pytest.fixture
def linear():
    torch.manual_seed(0)
    a = torch.randn(18, dtype=torch.float64)
    return a, lambda x: x.flatten(1) @ a


def batches():
    torch.manual_seed(1)
    return torch.randn(N, *SHAPE, dtype=torch.float64), torch.randn(N, *SHAPE, dtype=torch.float64)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_linear_critic(name, linear):
    a, disc = linear
    square = a.square().sum()
    expected = {"r1": square / 2, "r2": square / 2, "gp0": square}.get(name, (a.norm() - 1) ** 2)
    value = PENALTIES[name](Context(disc, *batches()))
    assert value.shape == (N,)
    assert torch.allclose(value, expected.expand(N), atol=1e-12, rtol=0)


def test_dnorm_of_a_sigmoid_critic(linear):
    a, disc = linear
    real, _ = batches()
    p = torch.sigmoid(disc(real))
    value = zero_centred(lambda x: torch.sigmoid(disc(x)), real)
    assert torch.allclose(value, (p * (1 - p)) ** 2 * a.square().sum(), atol=1e-12, rtol=0)


def test_quadratic_critic_tells_where_each_penalty_looks():
    real, fake = batches()
    disc = lambda x: x.flatten(1).square().sum(1) / 2  # its gradient is x itself
    norm2 = lambda x: x.flatten(1).square().sum(1)
    assert torch.allclose(PENALTIES["r1"](Context(disc, real, fake)), norm2(real) / 2)
    assert torch.allclose(PENALTIES["r2"](Context(disc, real, fake)), norm2(fake) / 2)
    torch.manual_seed(2)
    lam = torch.rand(N, 1, 1, 1)
    torch.manual_seed(2)
    value = PENALTIES["gp"](Context(disc, real.float(), fake.float()))
    x = lam * real.float() + (1 - lam) * fake.float()
    assert torch.allclose(value, (norm2(x).sqrt() - 1) ** 2, atol=1e-5)
    torch.manual_seed(3)
    lam = torch.rand(N, 1, 1, 1)
    u = torch.rand_like(real.float())
    torch.manual_seed(3)
    value = PENALTIES["dragan"](Context(disc, real.float(), fake.float()))
    x = real.float() + lam * u * real.float().std() / 2
    assert torch.allclose(value, (norm2(x).sqrt() - 1) ** 2, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_reaches_the_critic_and_not_the_generator(name):
    real, fake = batches()
    w = torch.randn(18, 4, dtype=torch.float64, requires_grad=True)
    source = fake.requires_grad_()
    value = PENALTIES[name](Context(lambda x: torch.tanh(x.flatten(1) @ w).sum(1), real, source * 1.0)).mean()
    to_w, to_source = torch.autograd.grad(value, (w, source), allow_unused=True)
    assert to_w.abs().sum() > 0 and to_source is None


@pytest.mark.parametrize("name", ["gp", "dragan"])
def test_gradient_is_finite_where_the_norm_is_zero(name):
    real, fake = batches()
    w = torch.zeros(18, dtype=torch.float64, requires_grad=True)
    value = PENALTIES[name](Context(lambda x: x.flatten(1) @ w, real, fake))
    assert torch.equal(value, torch.ones(N, dtype=torch.float64))
    (slope,) = torch.autograd.grad(value.sum(), w)
    assert torch.isfinite(slope).all()


def test_critic_that_ignores_its_input_is_refused():
    with pytest.raises(RuntimeError):
        input_gradient(lambda x: torch.ones(len(x), requires_grad=True), batches()[0])


def test_second_derivative_by_finite_differences():
    real, fake = batches()
    w = torch.randn(18, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda w: PENALTIES["r1"](Context(lambda x: torch.tanh(x.flatten(1) @ w).sum(1), real, fake)), w
    )


def test_gp0_looks_at_mixes_by_draws_of_its_own():
    real, fake = batches()
    disc = lambda x: x.flatten(1).square().sum(1) / 2  # its gradient is x itself
    draw = lambda purpose: torch.Generator().manual_seed({"gp0": 4}[purpose])
    lam = torch.rand(N, 1, 1, 1, dtype=torch.float64, generator=draw("gp0"))
    state = torch.get_rng_state()
    value = PENALTIES["gp0"](Context(disc, real, fake, generator=draw))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.allclose(value, (lam * real + (1 - lam) * fake).flatten(1).square().sum(1))


def test_lecam_step_by_step():
    """Its averages and values, worked out in float64; weight 0 before `start`, where the averages are the
    batch's means."""
    torch.manual_seed(0)
    lecam, a_real, a_fake = LeCam(decay=0.9, start=3), 0.0, 0.0
    for step in range(6):
        real, fake = (torch.randn(8, dtype=torch.float64, requires_grad=True) for _ in range(2))
        context = Context(None, None, None, {"real": real, "fake": fake}, step=step)
        value = lecam(context)
        decay = 0.0 if step < 2 else 0.9
        a_real = decay * a_real + (1 - decay) * real.mean().item()
        a_fake = decay * a_fake + (1 - decay) * fake.mean().item()
        assert lecam.real.item() == pytest.approx(a_real, abs=1e-6)
        assert lecam.fake.item() == pytest.approx(a_fake, abs=1e-6)
        if step < 3:
            assert torch.equal(value, torch.zeros(8, dtype=torch.float64))
            continue
        want = (real - a_fake).clamp(min=0).square() + (a_real - fake).clamp(min=0).square()
        assert torch.allclose(value, want, atol=1e-6)
        slopes = torch.autograd.grad(value.sum(), (real, fake))
        assert torch.allclose(slopes[0], 2 * (real - a_fake).clamp(min=0), atol=1e-6)
        assert torch.allclose(slopes[1], -2 * (a_real - fake).clamp(min=0), atol=1e-6)
