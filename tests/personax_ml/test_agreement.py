import time

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from personax_ml.agreement import (
    Level,
    krippendorff_alpha,
    krippendorff_interval,
    quadratic_weighted_kappa,
)

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
NAN = float("nan")

tables = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=12),
    elements=st.sampled_from([1.0, 2.0, 3.0, 5.0, NAN]),
)


def raters(rng: np.random.Generator, n: int, noise: float) -> NDArray[np.float64]:
    truth = rng.normal(size=n)
    readings = truth[:, None] + noise * rng.normal(size=(n, 3))
    table = np.digitize(readings, (-0.5, 0.5)) + 1.0
    table[rng.random((n, 3)) < 0.1] = NAN
    return table


@given(tables, st.sampled_from(LEVELS))
def test_alpha_equals_the_reference(table: NDArray[np.float64], level: Level) -> None:
    pairable = table[(~np.isnan(table)).sum(axis=1) >= 2]
    assume(np.unique(pairable[~np.isnan(pairable)]).size > 1)
    expected = krippendorff.alpha(reliability_data=table.T, level_of_measurement=level)
    assert krippendorff_alpha(table, level) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("level", LEVELS)
def test_alpha_equals_the_reference_on_a_large_table(level: Level) -> None:
    table = raters(np.random.default_rng(1), 5_000, 0.6)
    expected = krippendorff.alpha(reliability_data=table.T, level_of_measurement=level)
    assert krippendorff_alpha(table, level) == pytest.approx(expected, rel=1e-12)


@given(tables, st.sampled_from(LEVELS), st.randoms())
def test_alpha_does_not_depend_on_order(
    table: NDArray[np.float64], level: Level, shuffle: object
) -> None:
    alpha = krippendorff_alpha(table, level)
    turned = krippendorff_alpha(table[::-1, ::-1], level)
    assert turned == pytest.approx(alpha, rel=1e-12, abs=1e-12, nan_ok=True)


def test_ordinal_alpha_ignores_the_spacing_of_values() -> None:
    table = raters(np.random.default_rng(2), 300, 0.6)
    stretched = np.where(table == 3, 1_000, table)
    assert krippendorff_alpha(table) == pytest.approx(krippendorff_alpha(stretched), rel=1e-12)


def test_alpha_at_its_ends() -> None:
    agreed = np.repeat([[1.0], [2.0], [3.0]], 3, axis=1)
    assert krippendorff_alpha(agreed) == 1
    assert krippendorff_alpha([[1, 2], [2, 1]]) < 0
    rng = np.random.default_rng(3)
    by_chance = rng.integers(1, 4, size=(20_000, 3)).astype(float)
    assert abs(krippendorff_alpha(by_chance)) < 0.02


@pytest.mark.parametrize(
    "table", [[[1, 1], [1, 1]], [[1, NAN], [NAN, 2]], [[NAN, NAN]], np.empty((0, 3))]
)
def test_alpha_is_undefined_without_variation_or_pairs(table: object) -> None:
    assert np.isnan(krippendorff_alpha(table))  # type: ignore[arg-type]
    assert np.isnan(krippendorff_interval(table)).all()  # type: ignore[arg-type]


def test_odd_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        krippendorff_alpha([1.0, 2.0])
    with pytest.raises(ValueError, match="nominal, ordinal, interval"):
        krippendorff_alpha([[1, 2]], "ratio")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one length"):
        quadratic_weighted_kappa([1, 2], [1])


def test_the_interval_is_that_of_resampled_units() -> None:
    table = raters(np.random.default_rng(4), 200, 0.7)
    rng = np.random.default_rng(5)
    naive = [krippendorff_alpha(table[rng.integers(0, 200, 200)]) for _ in range(1_000)]
    low, high = krippendorff_interval(table, n_resamples=5_000)
    assert low < krippendorff_alpha(table) < high
    assert (low, high) == pytest.approx(tuple(np.quantile(naive, (0.025, 0.975))), abs=0.015)


def test_the_interval_is_reproducible_and_narrows_with_confidence() -> None:
    table = raters(np.random.default_rng(6), 200, 0.7)
    assert krippendorff_interval(table, rng=1) == krippendorff_interval(table, rng=1)
    assert krippendorff_interval(table, rng=1) != krippendorff_interval(table, rng=2)
    low, high = krippendorff_interval(table)
    inner_low, inner_high = krippendorff_interval(table, confidence=0.5)
    assert low < inner_low < inner_high < high


@pytest.mark.slow
def test_the_interval_covers() -> None:
    big = krippendorff_alpha(raters(np.random.default_rng(7), 400_000, 0.7))
    hits = 0
    for seed in range(300):
        low, high = krippendorff_interval(
            raters(np.random.default_rng(1_000 + seed), 250, 0.7), n_resamples=500
        )
        hits += low <= big <= high
    assert 0.90 <= hits / 300 <= 0.99


def test_the_interval_is_quick_at_the_size_of_the_paper() -> None:
    table = raters(np.random.default_rng(8), 9_444, 0.6)
    started = time.perf_counter()
    krippendorff_interval(table)
    assert time.perf_counter() - started < 1.0


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=40).filter(
        lambda pairs: len({value for pair in pairs for value in pair}) > 1
    )
)
def test_kappa_equals_the_reference(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    expected = cohen_kappa_score(a, b, weights="quadratic")
    assert quadratic_weighted_kappa(a, b) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_kappa_leaves_out_what_one_did_not_rate() -> None:
    a, b = [1, 2, 3, NAN, 2], [1, 3, 3, 2, NAN]
    assert quadratic_weighted_kappa(a, b) == quadratic_weighted_kappa(a[:3], b[:3])
    assert np.isnan(quadratic_weighted_kappa([NAN], [1]))
    assert np.isnan(quadratic_weighted_kappa([2, 2], [2, 2]))
