"""The closed-form start: agreement within a modality, links between modalities."""

import numpy as np
import pytest

from personax_ml.crl.metrics import r2_held_out
from personax_ml.crl.start import (
    RidgeView,
    agreed_maps,
    common_directions,
    linear_modality,
    linked_map,
    mean_agreement,
)

N = 500
TRAIN = np.arange(N) < 400


def draw(seed: int = 0) -> tuple[np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, 3)), rng


def test_ridge_coefficients_are_the_textbook_ones() -> None:
    z, rng = draw()
    x, y = z @ rng.standard_normal((3, 6)) + rng.standard_normal((N, 6)), z
    penalty = 0.3 * N * x.var(axis=0).mean()
    expected = np.linalg.solve(x.T @ x + penalty * np.eye(6), x.T @ y)
    assert RidgeView(x, 0.3).coefficients(y) == pytest.approx(expected)


def test_two_views_give_canonical_correlation() -> None:
    """Without a penalty the common directions of two views are the canonical ones."""
    z, rng = draw()
    a = np.hstack([z[:, :1], rng.standard_normal((N, 2))])
    b = np.hstack([z[:, :1] + 0.5 * rng.standard_normal((N, 1)), rng.standard_normal((N, 3))])
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    views = [RidgeView(x, 1e-12) for x in (a, b)]
    targets = common_directions(views, 1)
    scores = [x @ v.coefficients(targets) for x, v in zip((a, b), views, strict=True)]
    white_a, white_b = (np.linalg.svd(x, full_matrices=False)[0] for x in (a, b))
    first = np.linalg.svd(white_a.T @ white_b, compute_uv=False)[0]
    assert mean_agreement(scores) == pytest.approx(first, abs=1e-6)


def test_measurements_agree_on_what_they_share_not_on_what_is_large() -> None:
    z, rng = draw()
    views = [
        np.hstack([z, 5 * rng.standard_normal((N, 4))]) @ rng.standard_normal((7, 12))
        for _ in range(3)
    ]
    maps = agreed_maps(views, 3, TRAIN)
    code, linear = linear_modality(views, maps, 2, TRAIN)
    assert r2_held_out(code, z, TRAIN, ~TRAIN).min() > 0.9
    assert np.cov(code[TRAIN].T) == pytest.approx(np.eye(3), abs=0.02)
    restored = np.hstack([code, views[0] @ linear[0].encoder[:, 3:]]) @ linear[0].decoder
    assert ((restored - views[0]) ** 2).sum() < 0.6 * (views[0] ** 2).sum()


def test_a_single_measurement_looks_for_what_the_others_know() -> None:
    """A faint direction that the other modality knows is taken before larger ones."""
    z, rng = draw()
    x = np.hstack([0.7 * z[:, :1], rng.standard_normal((N, 9)) * np.linspace(3, 1, 9)])
    x = x @ np.linalg.qr(rng.standard_normal((10, 10)))[0]
    known = np.hstack([z[:, :1] + 0.5 * rng.standard_normal((N, 1)), rng.standard_normal((N, 1))])
    linked = x @ linked_map(x, [known], 2, TRAIN)
    assert abs(np.corrcoef(linked[~TRAIN, 0], z[~TRAIN, 0])[0, 1]) > 0.8
    alone = x @ linked_map(x, [], 2, TRAIN)
    assert r2_held_out(alone, z[:, 0], TRAIN, ~TRAIN)[0] < 0.2
    stranger = x @ linked_map(x, [rng.permutation(known)], 2, TRAIN)
    assert r2_held_out(stranger, z[:, 0], TRAIN, ~TRAIN)[0] < 0.3
    assert alone.shape == stranger.shape == (N, 2)
