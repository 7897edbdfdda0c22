"""One test of two columns: what most people import.

Belongs here: functions that take columns as arrays or series. Does not belong here: anything they
do with them.
"""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import polars as pl
from numpy.typing import NDArray

from personax_ml.independence.columns import Column, ColumnError, VariableSpec, encode
from personax_ml.independence.profiles import Profile
from personax_ml.independence.results import TestResult, failure
from personax_ml.independence.run import Null, run_tests
from personax_ml.independence.tables import crosstab, stratify, unconditional

Values = pl.Series | Sequence[Any] | NDArray[Any] | Column
"""A column: anything `encode` reads, or what it returned."""


class Options(TypedDict, total=False):
    """Options of `independence_tests` that a single test takes too."""

    profile: Profile
    x_spec: VariableSpec | None
    y_spec: VariableSpec | None
    null: Null
    seed: int


def independence_tests(
    x: Values,
    y: Values,
    given: Values | None = None,
    *,
    tests: Sequence[str],
    profile: Profile = "recommended",
    x_spec: VariableSpec | None = None,
    y_spec: VariableSpec | None = None,
    null: Null = "auto",
    seed: int = 0,
) -> dict[str, TestResult]:
    """Make several tests of the same two columns.

    Parameters
    ----------
    x, y : Series, sequence, array or Column, length n
        The columns; null is missing.
    given : Series, sequence, array or Column, length n, optional
        A discrete variable to condition on.
    tests : sequence of {"kci", "rcit", "hsic", "chi2", "gsq", "dcor"}
        The tests.
    profile : {"recommended", "paper"}
        Calibrated settings, or those of the paper's code.
    x_spec, y_spec : VariableSpec, optional
        What kind of variable x and y are; by default numbers are numeric, strings nominal,
        booleans binary.
    null : {"auto", "analytic", "permutation"}
        See `run_tests`.
    seed : int
        Seed of random features and random tables.

    Returns
    -------
    dict of str to TestResult
        Status other than "ok" where a test cannot be made.
    """
    try:
        column_x, column_y = _column(x, x_spec, "x"), _column(y, y_spec, "y")
        if given is None:
            strata = unconditional(crosstab(column_x, column_y))
        else:
            strata = stratify(column_x, column_y, _column(given, None, "given"))
    except ColumnError as error:
        return {test: failure(test, error.status, str(error)) for test in tests}
    results = run_tests(strata, profile, tests, seed=seed, null=null)
    return {result.name: result for result in results}


def _column(values: Values, spec: VariableSpec | None, name: str) -> Column:
    if isinstance(values, Column):
        return values
    named = isinstance(values, pl.Series) and values.name
    return encode(values, spec, None if named else name)


def kci(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by KCI, the kernel-based test of Zhang et al. (2011).

    Parameters and options as of `independence_tests`; formula and null: `prepare_kci`.
    """
    return independence_tests(x, y, given, tests=("kci",), **options)["kci"]


def rcit(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by RCIT, the test on random Fourier features of Strobl et al. (2019).

    Parameters and options as of `independence_tests`; formula and null: `prepare_rcit`.
    """
    return independence_tests(x, y, given, tests=("rcit",), **options)["rcit"]


def hsic(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by HSIC, the criterion of Gretton et al. (2008).

    Parameters and options as of `independence_tests`; formula and null: `prepare_hsic`.
    """
    return independence_tests(x, y, given, tests=("hsic",), **options)["hsic"]


def chi2(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by Pearson's chi-square test.

    Parameters and options as of `independence_tests`; formula and null: `prepare_chi2`.
    """
    return independence_tests(x, y, given, tests=("chi2",), **options)["chi2"]


def gsq(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by the likelihood ratio test G-square.

    Parameters and options as of `independence_tests`; formula and null: `prepare_gsq`.
    """
    return independence_tests(x, y, given, tests=("gsq",), **options)["gsq"]


def dcor(
    x: Values, y: Values, given: Values | None = None, **options: Unpack[Options]
) -> TestResult:
    """Test independence by distance covariance (Szekely et al. 2007).

    Parameters and options as of `independence_tests`; formula and null: `prepare_dcor`.
    """
    return independence_tests(x, y, given, tests=("dcor",), **options)["dcor"]
