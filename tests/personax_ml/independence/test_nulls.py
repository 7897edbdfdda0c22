"""Tail probabilities against exact ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from personax_ml.independence import VariableSpec, crosstab, encode, unconditional
from personax_ml.independence.nulls import (
    chi2_log_sf,
    gamma_log_sf,
    hall_buckley_eagleson_log_sf,
    saddlepoint_log_sf,
)
from personax_ml.independence.permutation import random_tables
from personax_ml.independence.prepared import draw_statistics
from personax_ml.independence.profiles import Kernels
from personax_ml.independence.run import prepare
from personax_ml.independence.statistics.kci import kernel_pairs, permutation_variance


def imhof(q: float, weights: np.ndarray) -> float:
    """P(sum w chi2_1 > q) by numerical inversion of the characteristic function (Imhof 1961)."""

    def integrand(u):
        angle = 0.5 * np.arctan(weights * u).sum() - 0.5 * q * u
        return np.sin(angle) / (u * np.prod((1 + (weights * u) ** 2) ** 0.25))

    value, _ = integrate.quad(integrand, 0, np.inf, limit=4000, epsabs=1e-9)
    return 0.5 + value / math.pi


WEIGHTS = {
    "five": np.array([1.0, 0.5, 0.3, 0.2, 0.1]),
    "geometric": 0.7 ** np.arange(12),
    "products": np.outer([3, 1, 0.4, 0.1], 0.8 ** np.arange(10)).ravel(),
    "equal": np.full(6, 0.3),
    "many": np.linspace(0.1, 1, 40),
}


@pytest.mark.parametrize("name", sorted(WEIGHTS))
@pytest.mark.parametrize("tail", [0.7, 0.5, 0.2, 0.05, 0.01, 0.001])
def test_the_saddlepoint_is_within_a_few_percent_of_the_exact_tail(name, tail):
    weights = WEIGHTS[name]
    q = weights.sum() + stats.norm.isf(tail) * math.sqrt(2 * (weights**2).sum())
    exact = imhof(q, weights)
    assert float(np.exp(saddlepoint_log_sf(q, weights))) == pytest.approx(exact, rel=0.06)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=20), st.floats(1e-9, 1e-3))
def test_the_saddlepoint_is_continuous_and_falling_at_the_mean(drawn, step):
    weights = np.array(drawn)
    around = weights.sum() * (1 + step * np.arange(-2, 3))
    log_p = saddlepoint_log_sf(around, weights)
    assert (np.diff(log_p) < 1e-12).all()
    assert log_p[0] - log_p[-1] < 40 * step * math.sqrt(len(weights)) + 1e-9


@settings(deadline=None)
@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30),
    st.floats(1e-12, 1e12),
)
def test_tails_are_logarithms_of_probabilities_everywhere(drawn, factor):
    weights = np.array(drawn)
    with np.errstate(all="raise", under="ignore"):
        log_p = float(saddlepoint_log_sf(factor * weights.sum(), weights))
    assert log_p <= 1e-12
    assert math.isfinite(log_p)


@pytest.mark.parametrize(("x", "df"), [(1280.0, 1), (4000.0, 1), (900.0, 30), (3.0, 4), (2e5, 7)])
def test_chi_square_tails_beyond_the_smallest_float(x, df):
    expected = math.log(2) + stats.norm.logsf(math.sqrt(x)) if df == 1 else asymptotic_log_sf(x, df)
    assert float(chi2_log_sf(x, df)) == pytest.approx(expected, rel=1e-10)


def asymptotic_log_sf(x: float, df: int) -> float:
    """The integral of the density, its largest factor taken out."""
    a, z = df / 2, x / 2
    value, _ = integrate.quad(
        lambda u: math.exp(-u + (a - 1) * math.log1p(u / z)), 0, np.inf, epsabs=0, epsrel=1e-12
    )
    return (a - 1) * math.log(z) - z - math.lgamma(a) + math.log(value)


def test_gamma_and_hall_buckley_eagleson_are_scipys():
    assert np.exp(gamma_log_sf([0.0, 2.0, 9.0], 1.7, 2.5)) == pytest.approx(
        stats.gamma.sf([0.0, 2.0, 9.0], 1.7, scale=2.5), rel=1e-13
    )
    weights = WEIGHTS["geometric"]
    sums = tuple(float((weights**power).sum()) for power in (1, 2, 3))
    from momentchi2 import hbe

    for q in (1.0, 3.0, 8.0):
        assert float(np.exp(hall_buckley_eagleson_log_sf(q, sums))) == pytest.approx(
            1 - hbe(weights, q), abs=1e-12
        )


@pytest.mark.parametrize("patefield", [True, False])
def test_random_tables_have_the_margins_and_the_hypergeometric_law(patefield):
    n = 40 if patefield else 14
    x = np.array([n // 2, n // 2], dtype=float)
    y = np.array([n - 6, 6], dtype=float)
    tables = np.concatenate(list(random_tables(x, y, 4000, np.random.default_rng(0))))
    assert (tables.sum(axis=2) == x).all()
    assert (tables.sum(axis=1) == y).all()
    observed = np.bincount(tables[:, 0, 1].astype(int), minlength=7)
    law = stats.hypergeom(n, 6, n // 2).pmf(np.arange(7)) * 4000
    assert stats.chisquare(
        observed[1:6], law[1:6] * observed[1:6].sum() / law[1:6].sum()
    ).pvalue > (1e-3)


@pytest.mark.parametrize("test", ["kci", "hsic", "rcit", "dcor", "chi2", "gsq"])
def test_resampled_statistics_are_the_statistics_of_resampled_data(test):
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 4, 80).astype(float), rng.integers(0, 6, 80).astype(float)
    columns = encode(x, None, "x"), encode(y, None, "y")
    observed = unconditional(crosstab(*columns))
    prepared = prepare(test, observed, "recommended", 0, Kernels())
    resampling = prepared.resampling()
    total = resampling.total(resampling.parts[0](observed.pooled.counts[None]))[0]
    assert total == pytest.approx(prepared.raw, rel=1e-9)
    shuffled = unconditional(crosstab(columns[0], encode(rng.permutation(y), None, "y")))
    again = prepare(test, shuffled, "recommended", 0, Kernels())
    total = resampling.total(resampling.parts[0](shuffled.pooled.counts[None]))[0]
    assert total == pytest.approx(again.raw, rel=1e-9)


def test_mean_and_variance_of_kci_over_permutations_are_exact():
    rng = np.random.default_rng(4)
    x, y = (rng.random(60) < 0.1).astype(float), rng.integers(0, 3, 60).astype(float)
    spec = VariableSpec("binary", discrete=True)
    strata = unconditional(crosstab(encode(x, spec), encode(y)))
    prepared = prepare("kci", strata, "recommended", 0, Kernels())
    drawn = draw_statistics(strata.tables, {"kci": prepared.resampling()}, 40_000, rng)["kci"]
    kernel_x, kernel_y = kernel_pairs(strata, "multiscale", Kernels())[0]
    assert drawn.mean() == pytest.approx(kernel_x.trace * kernel_y.trace / 59, rel=0.02)
    assert drawn.var() == pytest.approx(permutation_variance(kernel_x, kernel_y), rel=0.05)
