"""Pearson's chi-square and the likelihood ratio G-square on contingency tables.

Belongs here: both statistics on one table or on strata, sparsity, and their nulls. Does not belong
here: drawing random tables (`permutation`).
"""

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.effects import cramers_v
from personax_ml.independence.nulls import chi2_log_sf
from personax_ml.independence.prepared import Prepared, Resampling, TableFunction
from personax_ml.independence.profiles import Profile
from personax_ml.independence.tables import SMALL_COUNT, Strata, Table

_SPARSE_SHARE = 0.2


def is_sparse(strata: Strata) -> bool:
    """Whether Cochran's (1954) rule fails: 20 % of expected counts below 5, or one below 1."""
    share, smallest = strata.sparsity
    return share >= _SPARSE_SHARE or smallest < 1.0


def likelihood_ratio(table: Table) -> float:
    """Return 2 sum observed log(observed / expected)."""
    return float(2 * (table.cells * np.log(table.cells / table.expected)).sum())


def degrees_of_freedom(table: Table) -> int:
    """Return (kx - 1)(ky - 1)."""
    return (table.shape[0] - 1) * (table.shape[1] - 1)


def prepare_chi2(strata: Strata) -> Prepared:
    """Prepare Pearson's chi-square test, without Yates' correction.

    With kx and ky distinct values the statistic is asymptotically chi-square with
    (kx - 1)(ky - 1) degrees of freedom. Given a discrete variable, statistic and degrees of
    freedom are summed over its strata. The effect size is Cramer's V with Bergsma's correction
    for bias. O(m) for m non-empty cells.
    """
    return _prepare(strata, "chi2", lambda table: table.chi2, _pearson_part, 1.0)


def prepare_gsq(strata: Strata, profile: Profile) -> Prepared:
    """Prepare the G-square test, as `prepare_chi2` with the likelihood ratio for a statistic.

    Its mean exceeds the degrees of freedom in moderate samples; the recommended profile divides
    it by Williams' (1976) factor before it looks up the tail.
    """
    inflation = williams(strata) if profile == "recommended" else 1.0
    return _prepare(strata, "gsq", likelihood_ratio, _likelihood_part, inflation)


def williams(strata: Strata) -> float:
    """Return the factor by which the mean of G-square exceeds its degrees of freedom, to O(1/n)."""
    tables = strata.informative
    excess = sum(
        ((t.n / t.x_counts).sum() - 1) * ((t.n / t.y_counts).sum() - 1) / (6 * t.n) for t in tables
    )
    return 1.0 + float(excess) / sum(degrees_of_freedom(t) for t in tables)


def _prepare(
    strata: Strata,
    name: str,
    statistic_of: Callable[[Table], float],
    part_of: Callable[[Table], TableFunction],
    inflation: float,
) -> Prepared:
    tables = strata.informative
    df = sum(degrees_of_freedom(table) for table in tables)
    squares = sum(t.n * cramers_v(t.chi2, t.n, *t.shape) ** 2 for t in tables)
    share, smallest = strata.sparsity
    return Prepared(
        name,
        sum(statistic_of(table) for table in tables),
        1.0,
        float(np.sqrt(squares / sum(t.n for t in tables))),
        "cramers_v",
        "chi-square" if inflation == 1.0 else "chi-square (Williams)",
        lambda raw: chi2_log_sf(raw / inflation, df),
        lambda: Resampling([part_of(table) for table in tables], lambda sums: sums[:, 0]),
        f"{share:.0%} of expected counts below {SMALL_COUNT:g}, the smallest {smallest:.2g}"
        if is_sparse(strata)
        else None,
    )


def _pearson_part(table: Table) -> TableFunction:
    """With margins fixed, chi-square needs the squares of the counts only."""
    inverse = table.n / np.outer(table.x_counts, table.y_counts)

    def part(tables: FloatArray) -> FloatArray:
        total: FloatArray = np.einsum("bij,bij,ij->b", tables, tables, inverse)
        return total[:, None] - table.n

    return part


def _likelihood_part(table: Table) -> TableFunction:
    """With margins fixed, G-square needs the sum of N log N over cells only."""
    terms = xlogy(np.arange(table.n + 1), np.arange(table.n + 1))
    margins = sum(float(xlogy(c, c).sum()) for c in (table.x_counts, table.y_counts))
    margins -= float(terms[table.n])

    def part(tables: FloatArray) -> FloatArray:
        total: FloatArray = terms[tables.astype(np.int64)].sum(axis=(1, 2))
        return 2 * (total[:, None] - margins)

    return part
