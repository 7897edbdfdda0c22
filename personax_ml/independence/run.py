"""Several tests of one table: preconditions, the choice of null, errors as statuses.

Belongs here: what is decided per table. Does not belong here: what is decided per grid (`grid`).
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import numpy as np

from personax_ml.independence.columns import ColumnError
from personax_ml.independence.prepared import Prepared, Resampling, permutation_p_values
from personax_ml.independence.profiles import Kernels, Profile
from personax_ml.independence.results import TestResult, failure
from personax_ml.independence.statistics.dcor import prepare_dcor
from personax_ml.independence.statistics.discrete import (
    is_sparse,
    prepare_chi2,
    prepare_gsq,
)
from personax_ml.independence.statistics.hsic import prepare_hsic
from personax_ml.independence.statistics.kci import prepare_kci
from personax_ml.independence.statistics.rcit import prepare_rcit
from personax_ml.independence.statistics.regression_kci import prepare_regression_kci
from personax_ml.independence.tables import Strata

Null = Literal["auto", "analytic", "permutation"]

TESTS = ("kci", "rcit", "hsic", "chi2", "gsq", "dcor")
DISCRETE_TESTS = ("chi2", "gsq")

MINIMUM_ROWS = 20

PAPER_TESTS_GIVEN = ("kci", "chi2", "gsq")
"""What causal-learn computes given a discrete variable; HSIC on regression residuals is not it."""


def run_tests(
    strata: Strata,
    profile: Profile = "recommended",
    tests: Sequence[str] = TESTS,
    *,
    seed: int = 0,
    null: Null = "auto",
    kernels: Kernels | None = None,
) -> list[TestResult]:
    """Make several tests of the same columns.

    Parameters
    ----------
    strata : Strata
        The table, split by the condition if there is one.
    profile : {"paper", "recommended"}
        Kernels and nulls.
    tests : sequence of str
        Names out of `TESTS`.
    seed : int
        Seed of random features and random tables.
    null : {"auto", "analytic", "permutation"}
        "permutation" draws 999 tables within strata, the same for all tests. "auto" does so in
        the recommended profile for chi2 and gsq where the table is too sparse for the asymptotic
        distribution, and is otherwise analytic.
    kernels : Kernels, optional
        Memory of kernels that other tables share.

    Returns
    -------
    list of TestResult
        In the order of `tests`. A test that cannot be made has a status other than "ok".

    Raises
    ------
    ValueError
        If there is no such test, profile or null.
    """
    require_known("tests", tests, TESTS)
    require_known("profile", (profile,), get_args(Profile))
    require_known("null", (null,), get_args(Null))
    problem = untestable(strata)
    if problem is not None:
        return [failure(test, *problem, n=strata.pooled.n) for test in tests]
    kernels = kernels or Kernels()
    prepared: dict[str, Prepared | TestResult] = {}
    drawn: list[tuple[Prepared, Resampling]] = []
    for test in tests:
        try:
            ready = prepare(test, strata, profile, seed, kernels)
            if uses_permutation(ready, strata, profile, null):
                drawn.append((ready, ready.resampling()))
            prepared[test] = ready
        except ColumnError as error:
            prepared[test] = failure(test, error.status, str(error), strata.pooled.n)
    permuted: dict[str, float] = {}
    if drawn:
        names = f"{strata.pooled.x.name}|{strata.pooled.y.name}"
        rng = np.random.default_rng([seed, zlib.crc32(names.encode())])
        permuted = permutation_p_values(strata.informative, drawn, rng)
    n = sum(table.n for table in strata.informative)
    share, _ = strata.sparsity
    return [
        ready.result(n, share, permuted.get(test)) if isinstance(ready, Prepared) else ready
        for test, ready in prepared.items()
    ]


def require_known(option: str, chosen: Iterable[str], known: Sequence[str]) -> None:
    """Raise ValueError if an option has a value that there is not."""
    unknown = [value for value in chosen if value not in known]
    if unknown:
        raise ValueError(
            f"{option}: unknown {', '.join(map(repr, unknown))}; choose from {', '.join(known)}"
        )


def uses_permutation(test: Prepared, strata: Strata, profile: Profile, null: Null) -> bool:
    """Return whether the p-value of a test comes from random tables, see `run_tests`."""
    if null == "auto":
        return profile == "recommended" and test.name in DISCRETE_TESTS and is_sparse(strata)
    return null == "permutation"


def prepare(test: str, strata: Strata, profile: Profile, seed: int, kernels: Kernels) -> Prepared:
    """Prepare one test by name.

    Raises
    ------
    ColumnError
        If it cannot be made of these columns.
    """
    given = strata.given is not None
    if given and profile == "paper" and test not in PAPER_TESTS_GIVEN:
        raise ColumnError(
            "not_available", f"{test}: the paper's profile has no such test given a variable"
        )
    if test == "kci" and given and profile == "paper":
        return prepare_regression_kci(strata)
    match test:
        case "kci":
            return prepare_kci(strata, profile, kernels)
        case "rcit":
            return prepare_rcit(strata, profile, seed, kernels)
        case "hsic":
            return prepare_hsic(strata, profile, kernels)
        case "chi2":
            return prepare_chi2(strata)
        case "gsq":
            return prepare_gsq(strata, profile)
        case "dcor":
            return prepare_dcor(strata)
    raise ValueError(f"tests: unknown {test!r}; choose from {', '.join(TESTS)}")


def untestable(strata: Strata) -> tuple[str, str] | None:
    """Return status and message if a table cannot be tested, else None."""
    pooled = strata.pooled
    names = f"{pooled.x.name} and {pooled.y.name}"
    if pooled.n == 0:
        return "no_rows", f"no row has both {names}"
    if pooled.n < MINIMUM_ROWS:
        return "too_few_rows", f"{pooled.n} rows have both {names}; {MINIMUM_ROWS} are needed"
    for axis in (pooled.x, pooled.y):
        if len(axis) < 2:
            return "constant", f"{axis.name} has a single value where both are known"
    informative = sum(table.n for table in strata.informative)
    if strata.given is not None and informative < MINIMUM_ROWS:
        return (
            "constant_within_strata",
            f"{names} both vary in {informative} rows within values of {strata.given.name}; "
            f"{MINIMUM_ROWS} are needed",
        )
    return None
