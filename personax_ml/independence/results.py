"""What a test returns.

Belongs here: the result of one test and the rules that keep errors apart from p-values. Does not
belong here: how p-values come about (`nulls`).
"""

import math
from dataclasses import dataclass

LN10 = math.log(10.0)


@dataclass(frozen=True)
class TestResult:
    """One independence test of two columns.

    Parameters
    ----------
    name : str
        The test.
    statistic : float or None
        Its statistic.
    p_value : float or None
        P-value; None if `status` is not "ok".
    log10_p : float or None
        Base-10 logarithm of the p-value, also where the p-value is below the smallest float.
    effect_size : float or None
        Strength of the dependence, 0 to 1.
    effect_measure : str or None
        What `effect_size` is.
    n : int
        Rows in which both values are known.
    null_approximation : str or None
        Where the null distribution comes from.
    sparse_share : float or None
        Share of cells of the table with an expected count below 5.
    status : str
        "ok", or why there is no p-value.
    warning : str or None
        An assumption of the test that does not hold, or the reason behind `status`.
    """

    __test__ = False  # not a pytest class

    name: str
    statistic: float | None = None
    p_value: float | None = None
    log10_p: float | None = None
    effect_size: float | None = None
    effect_measure: str | None = None
    n: int = 0
    null_approximation: str | None = None
    sparse_share: float | None = None
    status: str = "ok"
    warning: str | None = None


def failure(name: str, status: str, message: str, n: int = 0) -> TestResult:
    """Return the result of a test that could not be run."""
    return TestResult(name, n=n, status=status, warning=message)


def from_log_p(
    name: str,
    statistic: float,
    log_p: float,
    *,
    effect_size: float,
    effect_measure: str,
    n: int,
    null_approximation: str,
    sparse_share: float | None = None,
    warning: str | None = None,
) -> TestResult:
    """Return the result of a test from the natural logarithm of its p-value."""
    log_p = min(log_p, 0.0)
    return TestResult(
        name,
        statistic,
        math.exp(log_p),
        log_p / LN10,
        effect_size,
        effect_measure,
        n,
        null_approximation,
        sparse_share,
        warning=warning,
    )
