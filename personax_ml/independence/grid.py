"""The grid: every trait against every variable by every test, as one tidy frame.

Belongs here: which combinations are tested, multiplicity, and turning failures into statuses.
Does not belong here: any statistic.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, get_args

import numpy as np
import polars as pl

from personax_ml.independence.columns import Column, ColumnError, FloatArray, VariableSpec, encode
from personax_ml.independence.discrete import discrete_tables, sparsity
from personax_ml.independence.hsic import hsic_table
from personax_ml.independence.kci import kci_table
from personax_ml.independence.profiles import KernelCache, Profile
from personax_ml.independence.rcit import rcit_table
from personax_ml.independence.results import TestResult, failure
from personax_ml.independence.tables import Table, crosstab

TESTS = ("kci", "rcit", "hsic", "chi2", "gsq")
DISCRETE_TESTS = ("chi2", "gsq")

MINIMUM_ROWS = 20

TRAIT = VariableSpec("ordinal", discrete=True)
"""What a trait score is: 1, 1.5, 2, 2.5 and 3 are ordered categories."""

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
    tests: Sequence[str] = TESTS,
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
    tests : sequence of {"kci", "rcit", "hsic", "chi2", "gsq"}
        Tests; chi2 and gsq are made for discrete variables only.
    given : sequence of str or None
        Variables to condition on, one at a time; None for no condition.
    seed : int
        Seed of random features and random tables.
    alpha : float
        Level at which `dependent` is true.
    advance : callable, optional
        Called with the number of (trait, variable) pairs just finished.

    Returns
    -------
    DataFrame
        One row per profile, rater, condition, trait, variable and test, columns as in `SCHEMA`.
        The q-value is Benjamini and Hochberg's over all traits and variables of the same
        profile, rater, condition and test. Where a test cannot be made, `status` says why,
        `warning` explains, and there is no p-value.
    """
    unknown = sorted(set(tests) - set(TESTS))
    if unknown:
        raise ValueError(f"tests: unknown {', '.join(unknown)}; choose from {', '.join(TESTS)}")
    if any(g is not None for g in given):
        raise ValueError("given: conditional tests are not available yet")
    people = variables.select("person_id").with_row_index("row")
    if people["person_id"].n_unique() != len(people):
        raise ValueError("variables: a person_id occurs more than once; keep one row per person")
    columns = {name: _encoded(variables, name, spec) for name, spec in kinds.items()}
    kernels = KernelCache()
    rows: list[dict[str, Any]] = []
    for (rater, trait), trait_column in _trait_columns(scores, people):
        for name, column in columns.items():
            wanted = [t for t in tests if kinds[name].discrete or t not in DISCRETE_TESTS]
            for profile in profiles:
                keys = {"profile": profile, "rater": rater, "given": None, "trait": trait}
                results = _pair(trait_column, column, profile, wanted, seed, kernels)
                rows.extend({**keys, "variable": name, **_row(r, alpha)} for r in results)
            if advance is not None:
                advance(1)
    return _with_q_values(pl.DataFrame(rows, schema=SCHEMA))


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
        if group["row"].n_unique() != len(group):
            raise ValueError(f"scores: two rows for one person, rater {rater}, trait {trait}")
        try:
            column = encode(group["score"], TRAIT, f"{trait} by {rater}")
        except ColumnError as error:
            yield key, error
            continue
        codes = np.full(len(people), -1, dtype=np.int64)
        codes[group["row"].to_numpy()] = column.codes
        yield key, Column(column.axis, codes)


def _pair(
    x: Column | ColumnError,
    y: Column | ColumnError,
    profile: Profile,
    tests: Sequence[str],
    seed: int,
    kernels: KernelCache,
) -> list[TestResult]:
    for column in (x, y):
        if isinstance(column, ColumnError):
            return [failure(test, column.status, str(column)) for test in tests]
    assert isinstance(x, Column)
    assert isinstance(y, Column)
    return run_tests(crosstab(x, y), profile, tests, seed, kernels)


def run_tests(
    table: Table, profile: Profile, tests: Sequence[str], seed: int, kernels: KernelCache
) -> list[TestResult]:
    """Make several tests of one table."""
    problem = untestable(table)
    if problem is not None:
        return [failure(test, *problem, n=table.n) for test in tests]
    share, _ = sparsity(table)
    discrete = discrete_tables(table, profile, seed) if set(tests) & set(DISCRETE_TESTS) else {}
    results = []
    for test in tests:
        try:
            if test == "kci":
                result = kci_table(table, profile, kernels)
            elif test == "hsic":
                result = hsic_table(table, profile, kernels)
            elif test == "rcit":
                result = rcit_table(table, profile, seed)
            else:
                result = discrete["chi2" if test == "chi2" else "gsq"]
        except ColumnError as error:
            result = failure(test, error.status, str(error), table.n)
        results.append(replace(result, sparse_share=share))
    return results


def untestable(table: Table) -> tuple[str, str] | None:
    """Return status and message if a table cannot be tested, else None."""
    if table.n == 0:
        return "no_rows", "no row has both values"
    if table.n < MINIMUM_ROWS:
        return "too_few_rows", f"{table.n} rows have both values; at least {MINIMUM_ROWS} needed"
    for axis in (table.x, table.y):
        if len(axis) < 2:
            return "constant", f"{axis.name} has a single value where both are known"
    return None


def _row(result: TestResult, alpha: float) -> dict[str, Any]:
    row = asdict(result)
    row["test"] = row.pop("name")
    row["dependent"] = None if result.p_value is None else result.p_value < alpha
    row["q_value"] = None
    return row


def _with_q_values(frame: pl.DataFrame) -> pl.DataFrame:
    family = ["profile", "rater", "given", "test"]
    q_value = (
        pl.col("p_value")
        .map_batches(lambda p: pl.Series(benjamini_hochberg(p.to_numpy())), return_dtype=pl.Float64)
        .over(family)
    )
    return frame.with_columns(q_value=q_value.fill_nan(None))


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
