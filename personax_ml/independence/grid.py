"""The grid: every trait against every variable by every test, as one tidy frame.

Belongs here: which combinations are tested, multiplicity, and turning failures into statuses.
Does not belong here: any statistic.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import get_args

import numpy as np
import polars as pl

from personax_ml.independence.columns import Column, ColumnError, FloatArray, VariableSpec, encode
from personax_ml.independence.profiles import Kernels, Profile
from personax_ml.independence.results import TestResult, failure
from personax_ml.independence.run import (
    DISCRETE_TESTS,
    PAPER_TESTS_GIVEN,
    TESTS,
    require_known,
    run_tests,
)
from personax_ml.independence.tables import Strata, crosstab, stratify, unconditional

PAPER_TESTS = ("kci", "rcit", "hsic", "chi2", "gsq")
"""The five tests of the paper, in its order."""

TRAIT = VariableSpec("ordinal", discrete=True)
"""What a trait score is: 1, 1.5, 2, 2.5 and 3 are ordered categories."""

TableKey = tuple[str, str, str | None, str]
"""Rater, trait, condition and variable of a table."""

_KEYS = ("profile", "rater", "given", "trait", "variable")

FAMILY = ("profile", "rater", "given", "test")
"""What the tests of one family share, over which q-values control the false discovery rate."""

SCHEMA: dict[str, type[pl.DataType]] = {
    "profile": pl.String,
    "rater": pl.String,
    "given": pl.String,
    "trait": pl.String,
    "variable": pl.String,
    "test": pl.String,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "log10_p": pl.Float64,
    "q_value": pl.Float64,
    "effect_size": pl.Float64,
    "effect_measure": pl.String,
    "n": pl.Int64,
    "dependent": pl.Boolean,
    "null_approximation": pl.String,
    "sparse_share": pl.Float64,
    "status": pl.String,
    "warning": pl.String,
}


def independence_grid(
    scores: pl.DataFrame,
    variables: pl.DataFrame,
    kinds: Mapping[str, VariableSpec],
    *,
    profiles: Sequence[Profile] = get_args(Profile),
    tests: Sequence[str] = PAPER_TESTS,
    given: Sequence[str | None] = (None,),
    seed: int,
    alpha: float = 0.05,
    advance: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Test every trait against every variable.

    Parameters
    ----------
    scores : DataFrame
        Columns `person_id, trait, rater, score`; a null score is missing.
    variables : DataFrame
        `person_id` and one column per variable; null is missing.
    kinds : mapping of str to VariableSpec
        The variables to test, by name.
    profiles : sequence of {"paper", "recommended"}
        Settings to test with.
    tests : sequence of {"kci", "rcit", "hsic", "chi2", "gsq", "dcor"}
        Tests; chi2 and gsq are made for discrete variables only.
    given : sequence of str or None
        Discrete variables to condition on, one at a time; None for no condition. The paper's
        profile then has what causal-learn offers: KCI, chi-square and G-square.
    seed : int
        Seed of random features and random tables.
    alpha : float
        Level at which `dependent` is true.
    advance : callable, optional
        Called with the number of (rater, trait, condition, variable) just finished.

    Returns
    -------
    DataFrame
        One row per profile, rater, condition, trait, variable and test, columns as in `SCHEMA`.
        The q-value is Benjamini and Hochberg's over all traits and variables of the same
        profile, rater, condition and test. Where a test cannot be made, `status` says why,
        `warning` explains, and there is no p-value.
    """
    for condition in given:
        if condition is not None and not (condition in kinds and kinds[condition].discrete):
            raise ValueError(f"given: {condition} is not among the discrete variables of kinds")
    people = variables.select("person_id").with_row_index("row")
    if people["person_id"].n_unique() != len(people):
        raise ValueError("variables: a person_id occurs more than once; keep one row per person")
    columns = {name: _encoded(variables, name, spec) for name, spec in kinds.items()}

    def tables() -> Iterator[tuple[TableKey, Strata | ColumnError]]:
        for (rater, trait), column in _trait_columns(scores, people):
            for condition, name in product(given, kinds):
                if name != condition and _tests_of(profiles, tests, kinds[name], condition):
                    conditioned = None if condition is None else columns[condition]
                    key = (rater, trait, condition, name)
                    yield key, _strata(column, columns[name], conditioned)

    return grid_from_tables(
        tables(), kinds, profiles=profiles, tests=tests, seed=seed, alpha=alpha, advance=advance
    )


def grid_from_tables(
    tables: Iterable[tuple[TableKey, Strata | ColumnError]],
    kinds: Mapping[str, VariableSpec],
    *,
    profiles: Sequence[Profile] = get_args(Profile),
    tests: Sequence[str] = PAPER_TESTS,
    seed: int,
    alpha: float = 0.05,
    advance: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Test tables that have been counted.

    Parameters
    ----------
    tables : iterable of (rater, trait, condition, variable), Strata
        What to test, under the key that its rows get; a `ColumnError` in place of a table that
        cannot be made becomes the status of its tests.
    kinds, profiles, tests, seed, alpha
        As of `independence_grid`.
    advance : callable, optional
        Called with 1 after each table.

    Returns
    -------
    DataFrame
        As of `independence_grid`.
    """
    require_known("tests", tests, TESTS)
    require_known("profiles", profiles, get_args(Profile))
    kernels = Kernels()
    keys: list[tuple[str, str, str | None, str, str]] = []
    results: list[TestResult] = []
    for (rater, trait, condition, name), strata in tables:
        for profile, chosen in _tests_of(profiles, tests, kinds[name], condition).items():
            made = (
                [failure(test, strata.status, str(strata)) for test in chosen]
                if isinstance(strata, ColumnError)
                else run_tests(strata, profile, chosen, seed=seed, kernels=kernels)
            )
            results.extend(made)
            keys.extend([(profile, rater, condition, trait, name)] * len(made))
        if advance is not None:
            advance(1)
    return with_q_values(_tidy(keys, results, alpha))


def _tests_of(
    profiles: Sequence[Profile], tests: Sequence[str], spec: VariableSpec, given: str | None
) -> dict[Profile, list[str]]:
    """Return the tests that are made for a variable, by profile, profiles without any left out."""
    chosen = {
        profile: [
            test
            for test in tests
            if (spec.discrete or test not in DISCRETE_TESTS)
            and (given is None or profile != "paper" or test in PAPER_TESTS_GIVEN)
        ]
        for profile in profiles
    }
    return {profile: names for profile, names in chosen.items() if names}


def _encoded(frame: pl.DataFrame, name: str, spec: VariableSpec) -> Column | ColumnError:
    if name not in frame.columns:
        return ColumnError("no_such_column", f"{name}: variables has no such column")
    try:
        return encode(frame[name], spec)
    except ColumnError as error:
        return error


def _trait_columns(
    scores: pl.DataFrame, people: pl.DataFrame
) -> Iterator[tuple[tuple[str, str], Column | ColumnError]]:
    joined = scores.join(people, on="person_id", how="inner")
    groups = joined.partition_by("rater", "trait", as_dict=True, maintain_order=True)
    for (rater, trait), group in groups.items():
        key = (str(rater), str(trait))
        rows = group["row"].to_numpy()
        if np.bincount(rows).max() > 1:
            raise ValueError(f"scores: two rows for one person, rater {rater}, trait {trait}")
        try:
            column = encode(group["score"], TRAIT, f"{trait} by {rater}")
        except ColumnError as error:
            yield key, error
            continue
        codes = np.full(len(people), -1, dtype=np.int64)
        codes[rows] = column.codes
        yield key, Column(column.axis, codes)


def _strata(
    x: Column | ColumnError, y: Column | ColumnError, given: Column | ColumnError | None
) -> Strata | ColumnError:
    if isinstance(x, ColumnError):
        return x
    if isinstance(y, ColumnError):
        return y
    if given is None:
        return unconditional(crosstab(x, y))
    return given if isinstance(given, ColumnError) else stratify(x, y, given)


def _tidy(
    keys: Sequence[tuple[str, str, str | None, str, str]],
    results: Sequence[TestResult],
    alpha: float,
) -> pl.DataFrame:
    columns = {
        **dict(zip(_KEYS, zip(*keys, strict=True) if keys else [()] * len(_KEYS), strict=True)),
        "test": [result.name for result in results],
        "q_value": [None] * len(results),
        "dependent": [None if r.p_value is None else r.p_value < alpha for r in results],
    }
    columns |= {
        name: [getattr(result, name) for result in results]
        for name in SCHEMA
        if name not in columns
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def with_q_values(grid: pl.DataFrame) -> pl.DataFrame:
    """Return a grid with the q-values that its p-values give, family by family."""
    p_values = grid["p_value"].to_numpy()
    q_values = np.full(len(p_values), np.nan)
    families = grid.select(FAMILY).with_row_index("row").group_by(FAMILY).agg("row")
    for members in families["row"]:
        rows = members.to_numpy()
        q_values[rows] = benjamini_hochberg(p_values[rows])
    return grid.with_columns(pl.Series("q_value", q_values, nan_to_null=True))


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Return q-values: the smallest false discovery rate at which each p-value is rejected.

    NaN stands for a test that could not be made: it gets NaN and does not count.
    """
    q = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known])]
    ratios = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(ratios[::-1])[::-1], 1.0)
    return q
