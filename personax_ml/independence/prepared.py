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
        From the sum of contributions (b, m) to the raw statistic (b,).
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
    raw : float
        Its statistic in the unit in which nulls and random tables are computed.
    scale : float
        The statistic as the literature states it is `scale * raw`.
    effect_size, effect_measure : float, str
        Strength of the dependence and what it is.
    null_approximation : str
        Name of the analytic null distribution.
    log_sf : callable
        Natural logarithm of the analytic null's upper tail at raw statistics; the margins of the
        table decide it, but for the paper's RCIT.
    resampling : callable
        The raw statistic as a function of tables; a call, since it may take work to set up.
    warning : str, optional
        What speaks against the analytic null.
    """

    name: str
    raw: float
    scale: float
    effect_size: float
    effect_measure: str
    null_approximation: str
    log_sf: Callable[[FloatArray], FloatArray]
    resampling: Callable[[], Resampling]
    warning: str | None = None

    def result(
        self, n: int, sparse_share: float | None = None, permuted: float | None = None
    ) -> TestResult:
        """Return the result by the analytic null, or with a p-value from random tables."""
        analytic = permuted is None
        log_p = self.log_sf(np.array([self.raw]))[0] if permuted is None else np.log(permuted)
        return from_log_p(
            self.name,
            self.scale * self.raw,
            float(log_p),
            effect_size=self.effect_size,
            effect_measure=self.effect_measure,
            n=n,
            null_approximation=self.null_approximation if analytic else f"permutation ({DRAWS})",
            sparse_share=sparse_share,
            warning=self.warning if analytic else None,
        )


def draw_statistics(
    tables: Sequence[Table],
    statistics: Mapping[str, Resampling],
    draws: int,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Return raw statistics of random tables, shape (draws,), the same tables for all.

    Each draw is one random table per stratum with the margins of the given one: y permuted within
    strata.
    """
    sums: dict[str, FloatArray] = {}
    for i, table in enumerate(tables):
        start = 0
        for batch in random_tables(table.x_counts, table.y_counts, draws, rng):
            stop = start + len(batch)
            for name, statistic in statistics.items():
                part = statistic.parts[i](batch)
                if name not in sums:
                    sums[name] = np.zeros((draws, part.shape[1]))
                sums[name][start:stop] += part
            start = stop
    return {name: statistic.total(sums[name]) for name, statistic in statistics.items()}


def permutation_p_values(
    tables: Sequence[Table],
    tests: Sequence[tuple[Prepared, Resampling]],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> dict[str, float]:
    """Return (1 + number of draws at least as extreme) / (1 + draws) per test.

    Parameters
    ----------
    tables : sequence of Table
        The observed tables, one per stratum.
    tests : sequence of (Prepared, Resampling)
        The tests and their statistics as functions of tables.
    rng : numpy Generator
        Source of randomness.
    draws : int
        Number of draws, shared by all tests.
    """
    drawn = draw_statistics(tables, {test.name: how for test, how in tests}, draws, rng)
    p_values = {}
    for test, _ in tests:
        # equal tables must count as equal whatever the order in which their terms were added
        extreme = drawn[test.name] >= test.raw - 1e-9 * max(abs(test.raw), 1.0)
        p_values[test.name] = (1 + int(extreme.sum())) / (1 + draws)
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
