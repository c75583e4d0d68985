"""Forms of a mix: boxes and spots have the share that was drawn, sit where they should, and fold."""

import pytest
import torch

from losses.masks import FORMS, cutmix, share, smoothmix
from losses.mixing import beta_weights, mix

N, H, W = 300, 12, 8


def drawn(seed=1):
    return lambda: torch.Generator().manual_seed(seed)


def weights(alpha=1.0, fold=False, seed=0, n=N):
    torch.manual_seed(seed)
    return beta_weights(n, alpha, fold)


def h(n=N):
    return torch.zeros(n, 3, H, W)


def test_linear_is_the_weights_themselves():
    w = weights()
    assert FORMS["linear"](w, h(), True, None) is w


def test_cutmix_pastes_one_box_of_the_asked_area_cut_off_at_the_border():
    w = weights()
    mask, other = cutmix(w, h(), False, drawn())
    assert mask.shape == (N, 1, H, W) and torch.equal(mask + other, torch.ones_like(mask))
    assert set(mask.unique().tolist()) == {0, 1}
    whole, pasted = 0, 0
    for i in range(N):
        found = []
        # of the two regions one is a box of the sides that the area asks for, or is cut off at a border
        for region, area in ((mask[i, 0], w[0, i]), (1 - mask[i, 0], w[1, i])):
            rows, columns = region.any(1).nonzero().flatten(), region.any(0).nonzero().flatten()
            sides = [int(size * area.sqrt()) for size in (H, W)]
            if not len(rows):
                found.append(min(sides) == 0)
                continue
            box = torch.zeros(H, W)
            box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 1
            fits = len(rows) <= sides[0] and len(columns) <= sides[1]
            at_border = rows[0] == 0 or rows[-1] == H - 1, columns[0] == 0 or columns[-1] == W - 1
            full = len(rows) == sides[0] or at_border[0], len(columns) == sides[1] or at_border[1]
            found.append(bool(torch.equal(box, region) and fits and all(full)))
            whole += (len(rows), len(columns)) == tuple(sides)
        assert any(found), i
        pasted += found[0]
    assert whole > N / 4 and N / 4 < pasted < 3 * N / 4


def test_the_boxes_lie_anywhere():
    mask = cutmix(torch.full((2, 4000), 0.5), h(4000), False, drawn())[0]
    # by symmetry of first and second example each place is the first's half of the time
    assert (mask.mean(0) - 0.5).abs().max() < 0.04


def test_a_spot_has_the_mean_that_was_drawn_and_the_papers_shape():
    w = weights(0.5).double()
    mask, other = smoothmix(w, h(), False, drawn())
    assert torch.allclose(mask + other, torch.ones_like(mask))
    inner = (w[0] > 1e-3) & (w[0] < 1 - 1e-3)
    assert torch.allclose(share(mask)[inner], w[0][inner], atol=1e-6)
    for i in inner.nonzero().flatten()[:40]:
        region = next(r for r in (mask[i, 0], other[i, 0]) if torch.linalg.matrix_rank(r, rtol=1e-9) == 1)
        rows = region[:, region.max(0).values.argmax()].log()
        columns = region[region.max(1).values.argmax()].log()
        rows, columns = rows[rows > -200], columns[columns > -200]
        # the logarithm of a Gaussian has one second difference, -1 / s^2, the same along both axes
        seconds = torch.cat([rows.diff(n=2), columns.diff(n=2)])
        assert torch.allclose(seconds, seconds[:1].expand_as(seconds), rtol=1e-5)


@pytest.mark.parametrize("form", ("cutmix", "smoothmix"))
def test_fold_keeps_the_first_example_the_smaller_part(form):
    for alpha in (0.2, 1.0, 5.0):
        mask = FORMS[form](weights(alpha, True), h(), True, drawn())[0]
        assert share(mask).max() <= 0.5 + 1e-6
    loose = FORMS[form](weights(1.0), h(), False, drawn())[0]
    assert share(loose).max() > 0.8


@pytest.mark.parametrize("form", ("cutmix", "smoothmix"))
def test_the_ends(form):
    """lam = 0 is the second example, lam = 1 the first."""
    for first in (0.0, 1.0):
        w = torch.tensor([first, 1 - first])[:, None].expand(2, 50)
        mask = FORMS[form](w, h(50), False, drawn())[0]
        if form == "cutmix":  # a whole box may be cut off at the border; an empty one is empty
            assert (share(mask) == first).float().mean() > 0.3
        else:
            assert torch.allclose(share(mask), torch.full((50,), first), atol=1e-4)


def test_a_mix_by_masks_takes_each_place_from_one_example():
    a, b = torch.rand(N, 3, H, W), -torch.rand(N, 3, H, W)
    m = cutmix(weights(), a, False, drawn())
    mixed = mix((a, b), m)
    assert torch.equal(mixed, torch.where(m[0].bool(), a, b))


def test_a_form_draws_from_its_own_generator_alone():
    w = weights()
    for form in ("cutmix", "smoothmix"):
        torch.manual_seed(5)
        first = FORMS[form](w, h(), True, drawn())
        state = torch.get_rng_state()
        torch.manual_seed(5)
        assert torch.equal(state, torch.get_rng_state())
        assert torch.equal(first, FORMS[form](w, h(), True, drawn()))
        assert not torch.equal(first, FORMS[form](w, h(), True, drawn(2)))
