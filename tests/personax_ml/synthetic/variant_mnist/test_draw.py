"""Latents, pixels and splits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis
from torch.nn import functional

from personax_ml.synthetic.variant_mnist import (
    DIGIT,
    EDGES,
    LATENTS,
    draw_variant_mnist,
    glyph_pool,
)
from personax_ml.synthetic.variant_mnist.draw import draw_latents


def test_latents_follow_the_published_graph() -> None:
    z = dict(zip(LATENTS, draw_latents(20_000, "normal", 3).T, strict=True))
    assert all(abs(v.mean()) < 1e-9 and abs(v.std() - 1) < 1e-9 for v in z.values())

    def residual(effect: str, cause: str) -> np.ndarray:
        fit = np.polynomial.Polynomial.fit(z[cause], z[effect], 9)
        return z[effect] - fit(z[cause])

    for cause, effect in EDGES:
        assert 0.3 < 1 - residual(effect, cause).var() < 0.65
    # The causes screen their effects off.
    assert abs(np.corrcoef(residual("z12", "z11"), residual("z21", "z11"))[0, 1]) < 0.02
    assert abs(np.corrcoef(residual("z22", "z21"), z["z11"])[0, 1]) < 0.02
    # The mechanism of z12 by its formula: what it leaves is independent noise of deviation .7.
    mean = 0.6 * (0.8 * z["z11"] + 0.5 * np.sin(1.5 * z["z11"]))
    fit = np.polyfit(mean, z["z12"], 1)
    noise = (z["z12"] - np.polyval(fit, mean)) / fit[0]
    assert noise.std() == pytest.approx(0.7, abs=0.02)


@pytest.mark.parametrize(("noise", "excess"), [("normal", 0), ("laplace", 3), ("uniform", -1.2)])
def test_noise_variants(noise: str, excess: float) -> None:
    z11 = draw_latents(50_000, noise, 0)[:, 0]  # type: ignore[arg-type]
    assert kurtosis(z11) == pytest.approx(excess, abs=0.3)


def test_rendering_agrees_with_torch() -> None:
    """Scale, shift, multiply and halve as torch's bilinear sampling does it."""
    world = draw_variant_mnist(n=40, seed=1)
    pool = glyph_pool("class")
    for name, shapes, scale, column, horizontal in (
        ("digit_green", pool.digits, 0.65, 0, True),
        ("fashion", pool.fashion, 0.55, 2, False),
    ):
        unit = 1 / (1 + np.exp(-1.3 * world.latents[:, column : column + 2]))
        shift, factor = -7 + 14 * unit[:, 0], 0.25 + 0.75 * unit[:, 1]
        theta = np.zeros((40, 2, 3))
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
        theta[:, 0 if horizontal else 1, 2] = -shift / scale / 14
        glyphs = torch.tensor(shapes[world.glyphs[name]])[:, None]
        grid = functional.affine_grid(torch.tensor(theta), [40, 1, 28, 28], align_corners=False)
        full = functional.grid_sample(glyphs, grid, align_corners=False)
        small = functional.interpolate(full, (14, 14), mode="bilinear")[:, 0].numpy()
        channel = 1 if name == "digit_green" else 0
        seen = world.measurements[name]
        assert seen[:, channel] == pytest.approx(factor[:, None, None] * small, abs=1e-5)
        assert np.delete(seen, channel, axis=1).sum() == 0


def test_measurements_share_a_glyph_or_do_not() -> None:
    shared = draw_variant_mnist(n=50, glyphs="shared")
    red, green, _ = (shared.measurements[name].max(axis=1) for name in DIGIT)
    assert np.array_equal(red, green)
    own = draw_variant_mnist(n=50, glyphs="indep")
    red, green, _ = (own.measurements[name].max(axis=1) for name in DIGIT)
    assert (np.abs(red - green).max(axis=(1, 2)) > 0.05).mean() > 0.9
    assert np.array_equal(shared.latents, own.latents)


def test_split_and_disjoint_glyphs() -> None:
    world = draw_variant_mnist(n=1000, glyphs="indep", disjoint=True)
    parts = world.train, world.select, world.test
    assert [part.sum() for part in parts] == [800, 100, 100]
    assert np.array_equal(np.sum(parts, axis=0), np.ones(1000))
    for chosen in world.glyphs.values():
        assert not set(chosen[world.test]) & set(chosen[~world.test])
    plain = draw_variant_mnist(n=1000)
    assert set(plain.glyphs["fashion"][plain.test]) & set(plain.glyphs["fashion"][plain.train])


def test_same_seed_same_images() -> None:
    first, again, other = (draw_variant_mnist(n=30, seed=seed) for seed in (4, 4, 5))
    for name, x in first.measurements.items():
        assert x.dtype == np.float32
        assert np.array_equal(x, again.measurements[name])
        assert not np.array_equal(x, other.measurements[name])


def test_a_folder_is_used(idx_folder: Path) -> None:
    world = draw_variant_mnist(n=10, pool="one", folder=idx_folder)
    brightest = world.measurements["fashion"].max(axis=(1, 2, 3))
    factor = 0.25 + 0.75 / (1 + np.exp(-1.3 * world.latents[:, 3]))
    assert brightest == pytest.approx(factor * 55 / 255, rel=1e-5)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="glyphs is 'same'; use one of shared, indep"):
        draw_variant_mnist(glyphs="same")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="noise is 'cauchy'"):
        draw_variant_mnist(noise="cauchy")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n is 9; at least 10"):
        draw_variant_mnist(n=9)
    with pytest.raises(ValueError, match="single shape"):
        draw_variant_mnist(n=20, pool="one", disjoint=True)
