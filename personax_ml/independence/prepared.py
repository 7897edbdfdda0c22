"""A test that is ready for any null distribution.

Belongs here: what all tests have in common: a statistic of one or several strata, a tail
probability and how to compute the statistic of random tables. Does not belong here: any
particular test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personax_ml.independence.columns import FloatArray, IntArray
from personax_ml.independence.permutation import random_tables
from personax_ml.independence.results import TestResult, from_log_p
from personax_ml.independence.tables import Strata, Table

DRAWS = 999
"""Random tables where a null distribution is drawn."""

TableFunction = Callable[[FloatArray], FloatArray]
"""From tables of shape (b, kx, ky) to contributions of shape (b, m)."""


@dataclass(frozen=True)
class Resampling:
    """How to compute a statistic of many random tables.

    Parameters
    ----------
    parts : sequence of callable
        Per stratum, from tables (b, kx, ky) to contributions (b, m) that add up over strata.
    total : callable
        From the sum of contributions (b, m) to something that grows with the statistic (b,).
    """

    parts: Sequence[TableFunction]
    total: TableFunction


@dataclass(frozen=True)
class Prepared:
    """A test of two columns.

    Parameters
    ----------
    name : str
        The test.
    statistic : float
        Its statistic.
    effect_size, effect_measure : float, str
        Strength of the dependence and what it is.
    null_approximation : str
        Name of the analytic null distribution.
    log_p : callable
        Natural logarithm of the p-value by the analytic null.
    resampling : callable
        The statistic as a function of tables; a call, since it may take work to set up.
    warning : str, optional
        What speaks against the analytic null.
    """

    name: str
    statistic: float
    effect_size: float
    effect_measure: str
    null_approximation: str
    log_p: Callable[[], float]
    resampling: Callable[[], Resampling]
    warning: str | None = None

    def result(self, n: int, permuted: float | None = None) -> TestResult:
        """Return the result by the analytic null, or with a p-value from random tables."""
        analytic = permuted is None
        return from_log_p(
            self.name,
            self.statistic,
            self.log_p() if permuted is None else float(np.log(permuted)),
            effect_size=self.effect_size,
            effect_measure=self.effect_measure,
            n=n,
            null_approximation=self.null_approximation if analytic else f"permutation ({DRAWS})",
            warning=self.warning if analytic else None,
        )


def permutation_p_values(
    tables: Sequence[Table],
    statistics: Mapping[str, Resampling],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> dict[str, float]:
    """Return (1 + number of draws at least as extreme) / (1 + draws) per statistic.

    Each draw is one random table per stratum with the margins of the observed one: y permuted
    within strata. The same draws serve all statistics.

    Parameters
    ----------
    tables : sequence of Table
        The observed tables, one per stratum.
    statistics : mapping of str to Resampling
        What to compute; large values speak against independence.
    rng : numpy Generator
        Source of randomness.
    draws : int
        Number of draws.
    """
    drawn: dict[str, FloatArray] = {}
    observed: dict[str, FloatArray] = {}
    for i, table in enumerate(tables):
        start = 0
        for name, statistic in statistics.items():
            part = statistic.parts[i](table.counts[None])
            observed[name] = observed[name] + part if name in observed else part
            drawn.setdefault(name, np.zeros((draws, part.shape[1])))
        for batch in random_tables(table.x_counts, table.y_counts, draws, rng):
            for name, statistic in statistics.items():
                drawn[name][start : start + len(batch)] += statistic.parts[i](batch)
            start += len(batch)
    p_values = {}
    for name, statistic in statistics.items():
        value = float(statistic.total(observed[name])[0])
        extreme = statistic.total(drawn[name]) >= value - 1e-9 * max(abs(value), 1.0)
        p_values[name] = (1 + int(extreme.sum())) / (1 + draws)
    return p_values


def positions_in(strata: Strata, table: Table) -> tuple[IntArray, IntArray]:
    """Return where the distinct values of a stratum are among those of all rows, for x and y."""
    return (
        np.searchsorted(strata.pooled.x.values, table.x.values),
        np.searchsorted(strata.pooled.y.values, table.y.values),
    )


def linear_contribution(x: FloatArray, y: FloatArray) -> TableFunction:
    """Return the function from tables to x' N y, flattened, for features x and y."""

    def contribution(tables: FloatArray) -> FloatArray:
        cross: FloatArray = x.T @ (tables @ y)
        return cross.reshape(len(tables), -1)

    return contribution
