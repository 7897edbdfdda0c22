import numpy as np
import polars as pl
from scipy.stats import spearmanr

from personax_assets.report.associations import explained_by_categories, rank_correlations

RNG = np.random.default_rng(5)


def test_rank_correlations_are_spearmans() -> None:
    x = RNG.standard_normal((80, 3))
    y = np.exp(x[:, :2]) + 0.3 * RNG.standard_normal((80, 2))
    found = rank_correlations(pl.DataFrame(x), pl.DataFrame(y))
    expected = spearmanr(x, y).statistic[:3, 3:]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_missing_values_are_left_out_pair_by_pair() -> None:
    x = pl.DataFrame({"a": [1.0, 2.0, None, 4.0, 5.0], "b": [1.0, float("nan"), 3.0, 4.0, 5.0]})
    y = pl.DataFrame({"c": [5, 4, 3, None, 1]}, schema={"c": pl.Int16})
    np.testing.assert_allclose(rank_correlations(x, y), [[-1], [-1]], atol=0.1)


def test_a_constant_goes_with_nothing() -> None:
    x = pl.DataFrame({"a": [1.0, 1.0, 1.0], "b": [1.0, 2.0, 3.0]})
    assert np.isnan(rank_correlations(x, x)[0]).all()
    assert np.isnan(explained_by_categories(x, pl.Series(["k", "k", "k"]))).all()


def test_categories_explain_all_or_nothing() -> None:
    group = pl.Series(["a", "b", "c"] * 200)
    codes = np.tile([0.0, 1.0, 2.0], 200)
    frame = pl.DataFrame({"same": codes, "noise": RNG.standard_normal(600)})
    same, noise = explained_by_categories(frame, group)
    assert same > 0.999
    assert noise < 0.1


def test_many_random_categories_explain_nothing_after_adjustment() -> None:
    group = pl.Series([str(i) for i in RNG.integers(0, 60, 300)])
    frame = pl.DataFrame(RNG.standard_normal((300, 200)))
    assert np.mean(explained_by_categories(frame, group) ** 2) < 0.03
