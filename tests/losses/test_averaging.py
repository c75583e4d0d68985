import pytest
import torch

from losses.averaging import History


def test_the_mean_is_that_of_the_trajectory_and_constant_in_the_gradient():
    torch.manual_seed(0)
    theta = [torch.randn(3, requires_grad=True), torch.randn(2, 2, requires_grad=True)]
    history, seen = History(theta), []
    for t in range(1, 200):
        with torch.no_grad():
            for p in theta:
                p.add_(torch.randn_like(p))
        seen.append([p.detach().double() for p in theta])
        history.visit(theta)
        assert int(history.t) == t
    means = [sum(values) / len(seen) for values in zip(*seen)]
    assert all(torch.allclose(a, b, atol=1e-13) for a, b in zip(history.means, means))
    grads = torch.autograd.grad(history.penalty(theta), theta)
    assert all(torch.allclose(g, 2 * (p - m).float(), atol=1e-6) for g, p, m in zip(grads, theta, means))
    again = History(theta)
    again.load_state_dict(history.state_dict())
    assert torch.equal(again.penalty(theta), history.penalty(theta)) and {b.dtype for b in again.means} == {
        torch.float64
    }


def test_the_first_visit_has_no_penalty():
    theta = [torch.randn(4)]
    history = History(theta)
    history.visit(theta)
    assert history.penalty(theta) == 0


def play(weight, steps=2000, rate=0.1):
    """min over x, max over y, of x y by simultaneous gradient steps from (1, 1).

    Returns the final distance from the equilibrium (0, 0).
    """
    x, y = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    histories = History([x]), History([y])
    for _ in range(steps):
        grads = []
        for player, loss, history in ((x, x * y, histories[0]), (y, -x * y, histories[1])):
            history.visit([player])
            grads.append(torch.autograd.grad((loss + weight * history.penalty([player])).sum(), player)[0])
        with torch.no_grad():
            for player, grad in zip((x, y), grads):
                player -= rate * grad
    return float((x.square() + y.square()).detach().sqrt())


def test_the_bilinear_game_converges_with_it_and_not_without():
    assert play(0.0) > 1e3 and play(0.1) < 1e-2
    # the players follow their mean, which falls as t^(-1 / (1 + 4 w^2)),
    # from 2 w (x - x-bar) = -y and 2 w (y - y-bar) = x
    for weight in (0.5, 1.0):
        assert play(weight, 2000) / play(weight, 500) == pytest.approx(
            4 ** (-1 / (1 + 4 * weight**2)), rel=0.02
        )
