import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.datasets import SUB_DATASETS
from personax_assets.schemas.level1 import independence_tests
from personax_ml.independence import VariableSpec, independence_grid
from personax_ml.independence.grid import SCHEMA, benjamini_hochberg
from tests.personax_ml.independence.conftest import KINDS


def test_rows_are_the_combinations_that_make_sense(cohort):
    grid = independence_grid(*cohort, KINDS, seed=0)
    discrete = sum(spec.discrete for spec in KINDS.values())
    assert len(grid) == 2 * 4 * (3 * len(KINDS) + 2 * discrete)
    key = ["profile", "rater", "given", "trait", "variable", "test"]
    assert grid.select(key).n_unique() == len(grid)
    assert set(grid["status"]) == {"ok"}
    assert grid["p_value"].is_between(0, 1).all()
    assert (grid["dependent"] == (grid["p_value"] < 0.05)).all()
    assert grid["effect_size"].is_between(0, 1).all()


def test_columns_are_those_of_the_table():
    for sub in SUB_DATASETS.values():
        assert independence_tests(sub).polars == SCHEMA


def test_the_planted_dependence_is_found_and_the_absent_one_is_not(cohort):
    grid = independence_grid(*cohort, KINDS, seed=0, profiles=("recommended",))
    height = grid.filter(pl.col("variable") == "height_cm")
    assert (height.filter(pl.col("trait") == "openness")["q_value"] < 1e-6).all()
    assert (height.filter(pl.col("trait") == "neuroticism")["p_value"] > 0.001).all()


def test_same_seed_same_numbers_and_row_order_does_not_matter(cohort):
    scores, variables = cohort
    first = independence_grid(scores, variables, KINDS, seed=3)
    again = independence_grid(
        scores.sample(fraction=1.0, shuffle=True, seed=1).sort("rater", "trait"),
        variables.sample(fraction=1.0, shuffle=True, seed=2),
        KINDS,
        seed=3,
    )
    key = ["profile", "rater", "trait", "variable", "test"]
    assert first.sort(key).equals(again.sort(key))


def test_progress_counts_pairs(cohort):
    steps: list[int] = []
    independence_grid(*cohort, KINDS, seed=0, profiles=("paper",), advance=steps.append)
    assert sum(steps) == 4 * len(KINDS)


def test_a_failing_column_gets_a_status_and_leaves_the_others_alone(cohort):
    scores, variables = cohort
    variables = variables.with_columns(
        constant=pl.lit(1.0),
        missing=pl.lit(None, pl.Float64),
        infinite=pl.lit(np.inf),
        not_a_number=pl.lit(np.nan),
        text=pl.lit("tall"),
    )
    bad = {
        "constant": "constant",
        "missing": "no_rows",
        "infinite": "infinite_values",
        "not_a_number": "nan_values",
        "text": "not_numeric",
        "absent": "no_such_column",
    }
    kinds = {**KINDS, **{name: VariableSpec("numeric", discrete=True) for name in bad}}
    grid = independence_grid(scores, variables, kinds, seed=0)
    for name, status in bad.items():
        rows = grid.filter(pl.col("variable") == name)
        assert set(rows["status"]) == {status}
        assert rows["warning"].str.contains(name).all() or status == "no_rows"
        for column in ("p_value", "q_value", "statistic", "log10_p", "dependent", "effect_size"):
            assert rows[column].null_count() == len(rows)
    good = grid.filter(~pl.col("variable").is_in(list(bad)))
    expected = independence_grid(scores, cohort[1], KINDS, seed=0)
    assert good.equals(expected)


def test_duplicate_people_and_unknown_tests_are_refused(cohort):
    scores, variables = cohort
    with pytest.raises(ValueError, match="more than once"):
        independence_grid(scores, pl.concat([variables, variables]), KINDS, seed=0)
    with pytest.raises(ValueError, match="two rows for one person"):
        independence_grid(pl.concat([scores, scores]), variables, KINDS, seed=0)
    with pytest.raises(ValueError, match="unknown 'pearson'"):
        independence_grid(scores, variables, KINDS, tests=("pearson",), seed=0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_are_those_of_scipy(p_values):
    from scipy.stats import false_discovery_control

    p = np.array(p_values)
    assert np.allclose(benjamini_hochberg(p), false_discovery_control(p), atol=1e-15)


def test_a_test_that_failed_does_not_count_in_q_values():
    q = benjamini_hochberg(np.array([0.01, np.nan, 0.02]))
    assert np.allclose(q, [0.02, np.nan, 0.02], equal_nan=True)
