import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kruskal

from personax_ml.rank_dependence import rank_dependence, share_interval


@given(st.integers(0, 2**32), st.integers(2, 6), st.integers(2, 5))
def test_it_is_the_kruskal_wallis_test(seed: int, k: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(k), rng.integers(0, k, 40)])
    values = np.concatenate([[0, 1], rng.integers(0, levels, 38 + k)]).astype(float)
    found = rank_dependence(values, groups)
    expected = kruskal(*(values[groups == g] for g in range(k)))
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    n = len(values)
    assert found.eta2 == pytest.approx(max(0, (expected.statistic - k + 1) / (n - k)))


def test_perfect_dependence_and_none() -> None:
    groups = np.repeat(["a", "b", "c"], 200)
    assert rank_dependence(np.repeat([1, 2, 3], 200), groups).eta2 == pytest.approx(1, abs=0.01)
    shuffled = np.random.default_rng(0).permutation(np.repeat([1, 2, 3], 200))
    nothing = rank_dependence(shuffled, groups)
    assert nothing.eta2 < 0.02
    assert nothing.p_value > 0.05


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0]])
def test_nothing_to_compare_is_undefined(values: list[float]) -> None:
    found = rank_dependence(values, ["a", "b", "a"][: len(values)])
    assert np.isnan(found.eta2)
    assert np.isnan(found.p_value)
    assert found.n == len(values)


def test_the_share_of_a_planted_mixture_is_recovered() -> None:
    """Of the variance that groups explain in `whole`, half comes with what was told."""
    rng = np.random.default_rng(1)
    n = 3_000
    groups = rng.integers(0, 4, n)
    effect = np.array([-1.5, -0.5, 0.5, 1.5])[groups]
    whole = effect + rng.normal(size=n)
    part = effect / 2 + rng.normal(size=n)
    part[:100] = np.nan
    share, low, high = share_interval((part, groups), (whole, groups), n_resamples=200)
    signal = np.var(effect)
    planted = (signal / 4 / (signal / 4 + 1)) / (signal / (signal + 1))
    assert low < share < high
    assert share == pytest.approx(planted, abs=0.08)
    none, *_ = share_interval((rng.normal(size=n), groups), (whole, groups), n_resamples=50)
    assert none < 0.02
    undefined, *_ = share_interval((part, groups), (np.ones(n), groups), n_resamples=5)
    assert np.isnan(undefined)
