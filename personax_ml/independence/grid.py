"""The grid: every trait against every variable by every test, as one tidy frame.

Belongs here: which combinations are tested, multiplicity, and turning failures into statuses.
Does not belong here: any statistic.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import get_args

import numpy as np
import polars as pl

from personax_ml.independence.columns import Column, ColumnError, FloatArray, VariableSpec, encode
from personax_ml.independence.profiles import Kernels, Profile
from personax_ml.independence.results import TestResult, failure
from personax_ml.independence.run import DISCRETE_TESTS, PAPER_TESTS_GIVEN, TESTS, run_tests
from personax_ml.independence.tables import Strata, crosstab, stratify, unconditional

PAPER_TESTS = ("kci", "rcit", "hsic", "chi2", "gsq")
"""The five tests of the paper, in its order."""

TRAIT = VariableSpec("ordinal", discrete=True)
"""What a trait score is: 1, 1.5, 2, 2.5 and 3 are ordered categories."""

_KEYS = ("profile", "rater", "given", "trait", "variable")

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
    unknown = sorted(set(tests) - set(TESTS))
    if unknown:
        raise ValueError(f"tests: unknown {', '.join(unknown)}; choose from {', '.join(TESTS)}")
    for condition in given:
        if condition is not None and not (condition in kinds and kinds[condition].discrete):
            raise ValueError(f"given: {condition} is not among the discrete variables of kinds")
    people = variables.select("person_id").with_row_index("row")
    if people["person_id"].n_unique() != len(people):
        raise ValueError("variables: a person_id occurs more than once; keep one row per person")
    wanted = {
        (profile, condition, name): _applicable(tests, profile, spec, condition)
        for profile, condition, (name, spec) in product(profiles, given, kinds.items())
        if name != condition
    }
    needed = {c for key, value in wanted.items() if value for c in key[1:] if c is not None}
    columns = {name: _encoded(variables, name, kinds[name]) for name in kinds if name in needed}
    kernels = Kernels()
    keys: list[tuple[str, str, str | None, str, str]] = []
    results: list[TestResult] = []
    for (rater, trait), trait_column in _trait_columns(scores, people):
        for condition, name in product(given, kinds):
            chosen = {p: t for p in profiles if (t := wanted.get((p, condition, name)))}
            if chosen:
                conditioned = None if condition is None else columns[condition]
                strata = _strata(trait_column, columns[name], conditioned)
                for profile, names in chosen.items():
                    made = (
                        [failure(test, strata.status, str(strata)) for test in names]
                        if isinstance(strata, ColumnError)
                        else run_tests(strata, profile, names, seed=seed, kernels=kernels)
                    )
                    results.extend(made)
                    keys.extend([(profile, rater, condition, trait, name)] * len(made))
            if advance is not None:
                advance(1)
    return _tidy(keys, results, alpha)


def _applicable(
    tests: Sequence[str], profile: Profile, spec: VariableSpec, given: str | None
) -> list[str]:
    """Return the tests that are made for a variable."""
    return [
        test
        for test in tests
        if (spec.discrete or test not in DISCRETE_TESTS)
        and (given is None or profile != "paper" or test in PAPER_TESTS_GIVEN)
    ]


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
    p_values = np.array([np.nan if r.p_value is None else r.p_value for r in results])
    families: dict[tuple[str, str, str | None, str], list[int]] = {}
    for i, ((profile, rater, given, _, _), result) in enumerate(zip(keys, results, strict=True)):
        families.setdefault((profile, rater, given, result.name), []).append(i)
    q_values = np.empty(len(results))
    for members in families.values():
        q_values[members] = benjamini_hochberg(p_values[members])
    columns = {
        **dict(zip(_KEYS, zip(*keys, strict=True) if keys else [()] * len(_KEYS), strict=True)),
        "test": [result.name for result in results],
        "q_value": [None if np.isnan(q) else q for q in q_values.tolist()],
        "dependent": [None if r.p_value is None else r.p_value < alpha for r in results],
    }
    columns |= {
        name: [getattr(result, name) for result in results]
        for name in SCHEMA
        if name not in columns
    }
    return pl.DataFrame(columns, schema=SCHEMA)


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
