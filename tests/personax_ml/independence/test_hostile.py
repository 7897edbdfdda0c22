"""Degenerate and hostile input: a status and a message, never a wrong number or a traceback."""

import math
import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_ml.independence import ColumnError, VariableSpec, encode, independence_tests, kci

ALL = ("kci", "rcit", "hsic", "chi2", "gsq", "dcor")
N = 60
RNG = np.random.default_rng(0)
GOOD = RNG.integers(1, 4, N).astype(float)

BAD = {
    "constant": (np.ones(N), None, "constant"),
    "all missing": (pl.Series([None] * N, dtype=pl.Float64), None, "no_rows"),
    "untyped missing": (pl.Series([None] * N), None, "no_rows"),
    "infinite": (np.where(np.arange(N) == 3, np.inf, 1.0), None, "infinite_values"),
    "not a number": (np.where(np.arange(N) == 3, np.nan, 1.0), None, "nan_values"),
    "numbers as strings": ([str(i) for i in range(N)], VariableSpec("numeric"), "not_numeric"),
    "dates": (pl.Series([None] * N, dtype=pl.Date), None, "not_numeric"),
    "three values": (np.arange(N) % 3, VariableSpec("binary", discrete=True), "not_binary"),
    "thirteen months": (
        np.arange(N) % 14,
        VariableSpec("circular", discrete=True, period=12),
        "beyond_period",
    ),
    "few": (pl.Series([1.0, 2.0] * 9 + [None] * (N - 18)), None, "too_few_rows"),
}


@pytest.mark.parametrize("name", sorted(BAD))
@pytest.mark.parametrize("profile", ["paper", "recommended"])
def test_a_column_that_cannot_be_tested_has_a_status_and_a_message(name, profile):
    values, spec, status = BAD[name]
    results = independence_tests(GOOD, values, tests=ALL, profile=profile, y_spec=spec)
    for result in results.values():
        assert result.status == status
        assert result.warning
        assert result.p_value is None
        assert result.log10_p is None
        assert result.statistic is None


@pytest.mark.parametrize("profile", ["paper", "recommended"])
@pytest.mark.parametrize("column", ["every value once", "one odd value", "huge", "tiny", "heavy"])
def test_extreme_columns_give_numbers(column, profile):
    rng = np.random.default_rng(1)
    n = 400
    x = rng.integers(1, 6, n).astype(float)
    y = {
        "every value once": np.arange(n) + 0.0,
        "one odd value": (np.arange(n) == 7) + 0.0,
        "huge": 1e12 * rng.normal(size=n),
        "tiny": 1e-12 * rng.normal(size=n),
        "heavy": rng.standard_cauchy(n),
    }[column]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = independence_tests(x, y, tests=ALL, profile=profile)
    for result in results.values():
        if (column, profile, result.name) == ("tiny", "paper", "hsic"):
            # in raw units all values are the same to a kernel of width 0.7
            assert result.status == "degenerate_kernel"
            assert result.p_value is None
            continue
        assert result.status == "ok"
        assert 0 <= result.p_value <= 1
        assert 0 <= result.effect_size <= 1
        assert math.isfinite(result.statistic)
        assert math.isfinite(result.log10_p)


def test_a_hundred_thousand_categories():
    rng = np.random.default_rng(2)
    x = rng.integers(1, 6, 120_000).astype(float)
    y = [f"c{i}" for i in rng.integers(0, 100_000, 120_000)]
    for name in ALL:
        result = independence_tests(x, y, tests=(name,), null="analytic")[name]
        assert result.status == "ok"
        assert result.p_value > 1e-4 or name in ("chi2", "gsq")
    permuted = independence_tests(x, y, tests=("kci",), null="permutation")["kci"]
    assert permuted.status == "too_many_values"
    assert permuted.p_value is None


def test_strong_dependence_does_not_end_in_a_zero():
    x = np.repeat(np.arange(5.0), 2000)
    for name, result in independence_tests(x, x, tests=ALL, null="analytic").items():
        assert result.log10_p < -400, name
        assert result.effect_size == pytest.approx(1.0, abs=0.3)


def test_columns_of_different_length_and_bad_specs_are_refused():
    with pytest.raises(ValueError, match="rows"):
        kci(GOOD, GOOD[:-1])
    with pytest.raises(ValueError, match="period"):
        VariableSpec("circular")
    with pytest.raises(ValueError, match="period"):
        VariableSpec("numeric", period=3)
    with pytest.raises(ValueError, match="positive"):
        VariableSpec("circular", period=-1)
    with pytest.raises(ValueError, match="unknown 'pearson'"):
        independence_tests(GOOD, GOOD[::-1], tests=("pearson",))
    with pytest.raises(ColumnError) as caught:
        encode([1.0, math.inf], None, "height_cm")
    assert caught.value.status == "infinite_values"
    assert "height_cm" in str(caught.value)


anything = st.one_of(st.none(), st.floats(), st.integers(-5, 5), st.booleans(), st.text(max_size=2))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"profile": "papers"}, "profile: unknown 'papers'; choose from paper, recommended"),
        ({"null": "permuted"}, "null: unknown 'permuted'; choose from auto, analytic, permutation"),
    ],
)
def test_an_option_that_there_is_not_is_refused_not_taken_for_another(option, message):
    with pytest.raises(ValueError, match=message):
        kci(GOOD, GOOD, **option)
    with pytest.raises(ValueError, match=message):
        kci(GOOD, np.ones(N), **option)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(anything, min_size=25, max_size=40),
    st.sampled_from(["numeric", "ordinal", "nominal", "binary", "circular"]),
    st.sampled_from(["paper", "recommended"]),
)
def test_whatever_comes_there_is_a_result(values, kind, profile):
    spec = VariableSpec(kind, discrete=True, period=12 if kind == "circular" else None)
    x = (np.arange(len(values)) % 3).astype(float)
    results = independence_tests(x, values, tests=ALL, profile=profile, y_spec=spec)
    for result in results.values():
        if result.status == "ok":
            assert 0 <= result.p_value <= 1
            assert math.isfinite(result.statistic)
        else:
            assert result.p_value is None
            assert result.warning
