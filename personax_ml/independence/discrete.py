"""Pearson's chi-square and the likelihood ratio G-square on contingency tables.

Belongs here: both statistics for one table or many, sparsity, and their nulls. Does not belong
here: drawing random tables (`permutation`).
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.special import xlogy

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.effects import cramers_v
from personax_ml.independence.nulls import chi2_log_sf
from personax_ml.independence.permutation import permutation_p_values
from personax_ml.independence.profiles import Profile
from personax_ml.independence.results import TestResult, from_log_p
from personax_ml.independence.tables import Table

DiscreteTest = Literal["chi2", "gsq"]

DRAWS = 999
"""Random tables where the table is too sparse for the asymptotic null."""

_EXPECTED = 5.0
_SPARSE_SHARE = 0.2


def sparsity(table: Table) -> tuple[float, float]:
    """Return the share of cells with an expected count below 5, and the smallest expected count."""
    y_sorted = np.sort(table.y_counts)
    below = np.searchsorted(y_sorted, _EXPECTED * table.n / table.x_counts, side="left")
    share = float(below.sum()) / (table.shape[0] * table.shape[1])
    return share, float(table.x_counts.min() * y_sorted[0]) / table.n


def is_sparse(table: Table) -> bool:
    """Whether Cochran's (1954) rule fails: over 20 % of expected counts below 5, or one below 1."""
    share, smallest = sparsity(table)
    return share > _SPARSE_SHARE or smallest < 1.0


def pearson(table: Table) -> float:
    """Return the sum of (observed - expected)^2 / expected, without Yates' correction."""
    expected = table.x_counts[table.rows] * table.y_counts[table.cols] / table.n
    return float(((table.cells - expected) ** 2 / expected).sum() + (table.n - expected.sum()))


def likelihood_ratio(table: Table) -> float:
    """Return 2 sum observed log(observed / expected)."""
    expected = table.x_counts[table.rows] * table.y_counts[table.cols] / table.n
    return float(2 * (table.cells * np.log(table.cells / expected)).sum())


def discrete_tables(
    table: Table, profile: Profile = "recommended", seed: int = 0
) -> dict[DiscreteTest, TestResult]:
    """Test independence of the two columns of a table by chi-square and G-square.

    With kx and ky distinct values both are asymptotically chi-square with (kx - 1)(ky - 1)
    degrees of freedom. Where expected counts are too small for that (`is_sparse`) the recommended
    profile compares with 999 random tables of the same margins, the same for both; the paper's
    profile never does and warns.

    Parameters
    ----------
    table : Table
        Counts of pairs of values.
    profile : {"recommended", "paper"}
        Whether sparse tables are permuted.
    seed : int
        Seed of the random tables.

    Returns
    -------
    dict of {"chi2", "gsq"} to TestResult
        The effect size is Cramer's V with Bergsma's correction for bias.
    """
    kx, ky = table.shape
    share, smallest = sparsity(table)
    chi2 = pearson(table)
    statistics: dict[DiscreteTest, float] = {"chi2": chi2, "gsq": likelihood_ratio(table)}
    sparse = share > _SPARSE_SHARE or smallest < 1.0
    warning = (
        f"{share:.0%} of expected counts below {_EXPECTED:g}, the smallest {smallest:.2g}"
        if sparse
        else None
    )
    permuted: dict[str, float] = {}
    if sparse and profile == "recommended":
        permuted = _permuted(table, seed)
    results: dict[DiscreteTest, TestResult] = {}
    for name, statistic in statistics.items():
        log_p = (
            float(np.log(permuted[name]))
            if permuted
            else float(chi2_log_sf(statistic, (kx - 1) * (ky - 1)))
        )
        result = from_log_p(
            name,
            statistic,
            log_p,
            effect_size=cramers_v(chi2, table.n, kx, ky),
            effect_measure="cramers_v",
            n=table.n,
            null_approximation=f"permutation ({DRAWS})" if permuted else "chi-square",
            warning=None if permuted else warning,
        )
        results[name] = replace(result, sparse_share=share)
    return results


def _permuted(table: Table, seed: int) -> dict[str, float]:
    inverse = 1.0 / np.outer(table.x_counts, table.y_counts)

    def pearson_part(tables: FloatArray) -> FloatArray:
        part: FloatArray = np.einsum("bij,bij,ij->b", tables, tables, inverse)
        return part

    def likelihood_part(tables: FloatArray) -> FloatArray:
        part: FloatArray = xlogy(tables, tables).sum(axis=(1, 2))
        return part

    return permutation_p_values(
        table,
        {"chi2": pearson_part, "gsq": likelihood_part},
        DRAWS,
        np.random.default_rng(seed),
    )
