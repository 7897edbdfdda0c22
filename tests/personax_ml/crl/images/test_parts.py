"""What the stages are built from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import nn

from personax_ml.crl.config import ImageConfig
from personax_ml.crl.images.correlation import (
    canonical_agreement,
    consensus,
    normal_knots,
    to_normal,
)
from personax_ml.crl.images.fitting import View
from personax_ml.crl.images.linking import canonical_axes, real_pairs
from personax_ml.crl.images.networks import Ensemble, PatternNet, PlaceNet


def test_agreement_is_the_correlation_or_the_sum_of_squared_canonical_ones() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 500, 3, 2))
    b[:, 0] += 2 * a[:, 0, ::-1]
    one = canonical_agreement(torch.tensor(a[..., :1]), torch.tensor(b[..., :1]))
    expected = [np.corrcoef(a[:, k, 0], b[:, k, 0])[0, 1] for k in range(3)]
    assert one.numpy() == pytest.approx(expected, abs=1e-6)
    two = canonical_agreement(torch.tensor(a), torch.tensor(b)).numpy()
    for k in range(3):
        joint = np.cov(np.hstack([a[:, k], b[:, k]]).T)
        root_a, root_b = (
            np.linalg.inv(np.linalg.cholesky(c)) for c in (joint[:2, :2], joint[2:, 2:])
        )
        singular = np.linalg.svd(root_a @ joint[:2, 2:] @ root_b.T)[1]
        assert two[k] == pytest.approx((singular**2).sum(), rel=1e-3)


def test_pattern_net_cannot_see_places_and_place_net_can() -> None:
    torch.manual_seed(0)
    x = torch.rand(5, 3, 14, 14)
    moved = x.roll((3, -5), dims=(2, 3))
    config = ImageConfig(channels=8)
    pattern, place = (net(1, (3, 14, 14), config) for net in (PatternNet, PlaceNet))
    assert torch.allclose(pattern(x), pattern(moved), atol=1e-5)
    assert not torch.allclose(place(x), place(moved), atol=1e-3)
    assert pattern(x).shape == place(x).shape == (5, 1)
    leaky = PatternNet(1, (3, 14, 14), replace(config, cyclic=False))
    assert not torch.allclose(leaky(x), leaky(moved), atol=1e-4)


def test_padding_the_image_is_padding_every_layer() -> None:
    torch.manual_seed(0)
    net, x = (
        PatternNet(1, (1, 8, 8), ImageConfig(channels=4, depth=2)),
        torch.rand(3, 1, 8, 8),
    )
    first, second = net.maps[1], net.maps[3]
    maps = nn.functional.silu(first(nn.functional.pad(x, (1, 1, 1, 1), mode="circular")))
    maps = second(nn.functional.pad(maps, (1, 1, 1, 1), mode="circular"))
    assert torch.allclose(maps, net.maps(x), atol=1e-6)


def test_members_share_nothing() -> None:
    torch.manual_seed(0)
    net, x = Ensemble(3, lambda: nn.Linear(2, 1)), torch.rand(6, 2)
    before = net(x)
    with torch.no_grad():
        net.members[1].weight += 1.0
    changed = (net(x) != before).all(dim=0).squeeze(-1)
    assert changed.tolist() == [False, True, False]
    apart = torch.stack([x, x + 1, x], dim=1)
    assert torch.equal(net(apart)[:, 1], net.members[1](x + 1))


def test_consensus_undoes_each_members_map_and_drops_its_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((2000, 2))
    members = [truth @ rng.standard_normal((2, 2)) + 5 for _ in range(6)]
    noisy = np.stack([m + 0.3 * m.std() * rng.standard_normal(m.shape) for m in members], axis=1)
    offset, axes = consensus(noisy)
    joined = (noisy.reshape(2000, -1) - offset) @ axes
    assert joined.std(axis=0) == pytest.approx(1)
    explained = 1 - np.linalg.lstsq(joined, truth, rcond=None)[1] / (truth**2).sum(axis=0)
    single = noisy[:, 0] - noisy[:, 0].mean(axis=0)
    alone = 1 - np.linalg.lstsq(single, truth, rcond=None)[1] / (truth**2).sum(axis=0)
    assert (explained > alone).all()
    assert explained.min() > 0.95


def test_scores_become_standard_normal() -> None:
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=(5000, 2))
    normal = to_normal(scores, normal_knots(scores))
    assert kstest(normal[:, 0], "norm").pvalue > 0.5
    assert (np.argsort(normal[:, 1], kind="stable") == np.argsort(scores[:, 1], kind="stable"))[
        10:-10
    ].all()
    assert np.isfinite(to_normal(np.array([[-9.0, 99.0]]), normal_knots(scores))).all()


def test_functions_of_a_linked_latent_are_no_further_link() -> None:
    rng = np.random.default_rng(0)
    cause = rng.standard_normal(3000)
    own = np.stack([cause, cause**2, rng.standard_normal(3000)], axis=1)
    effect = 0.8 * cause + 0.6 * rng.standard_normal(3000)
    other = np.stack([effect, effect**2, rng.standard_normal(3000)], axis=1)
    train = np.arange(3000) < 2000
    left, right = canonical_axes(own, other, train)
    assert real_pairs(own @ left, other @ right, train, ~train, 199) == 1
    second = rng.standard_normal(3000)
    pair = np.stack([cause, second], axis=1)
    partner = np.stack([effect, second + rng.standard_normal(3000)], axis=1)
    left, right = canonical_axes(pair, partner, train)
    assert real_pairs(pair @ left, partner @ right, train, ~train, 199) == 2
    shuffled = other[rng.permutation(3000)]
    left, right = canonical_axes(own, shuffled, train)
    assert real_pairs(own @ left, shuffled @ right, train, ~train, 199) == 0


def test_a_view_draws_only_what_is_there() -> None:
    x = torch.arange(3.0)[:, None, None].expand(3, 100, 1)
    there = torch.ones(3, 100, dtype=torch.bool)
    there[1] = False
    there[:, 7] = False
    view, rows = View(x, there), torch.arange(100)
    drawn = view.draw(rows, torch.Generator().manual_seed(0)).flatten()
    others = rows != 7
    assert set(drawn[others].tolist()) == {0.0, 2.0}
    assert not view.present[7]
    assert view.mean(lambda rows: rows.unsqueeze(1), rows)[others].unique().tolist() == [1.0]
