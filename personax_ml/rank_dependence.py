"""How far an ordinal or numeric variable depends on a grouping.

Belongs here: the Kruskal-Wallis test with its effect size, and a bootstrap ratio of two of them.
Does not belong here: which variables and groups are compared, or the independence tests of Level I.

References
----------
.. [1] W. H. Kruskal, W. A. Wallis, "Use of ranks in one-criterion variance analysis", Journal of
   the American Statistical Association 47, 1952.
.. [2] M. Tomczak, E. Tomczak, "The need to report effect size estimates revisited", Trends in
   Sport Sciences 1 (21), 2014: eta squared based on H.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankDependence:
    """Dependence of values on groups.

    Parameters
    ----------
    eta2 : float
        Share of the variance of the ranks that the groups explain, corrected for chance: about 0
        under independence, at most 1. NaN where it is undefined.
    p_value : float
        Of the Kruskal-Wallis test; NaN where it is undefined.
    n : int
        Number of values.
    """

    eta2: float
    p_value: float
    n: int


def rank_dependence(values: ArrayLike, groups: ArrayLike) -> RankDependence:
    """Test whether values depend on groups, and say how much.

    ``eta2 = max(0, (H - k + 1) / (n - k))`` with the tie-corrected H of Kruskal and Wallis [1]_
    over k groups [2]_.

    Parameters
    ----------
    values : array_like of shape (n,)
        Ordinal or numeric values without NaN.
    groups : array_like of shape (n,)
        The group of each value.

    Returns
    -------
    RankDependence
        Undefined for fewer than two groups or a single value.
    """
    from scipy.stats import chi2

    x = np.asarray(values, dtype=float)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    k = int(codes.max(initial=-1)) + 1
    statistic = _kruskal(x, codes, k)
    if not np.isfinite(statistic) or x.size <= k:
        return RankDependence(float("nan"), float("nan"), x.size)
    eta2 = max(0.0, (statistic - k + 1) / (x.size - k))
    return RankDependence(eta2, float(chi2.sf(statistic, k - 1)), x.size)


def share_interval(
    part: tuple[ArrayLike, ArrayLike],
    whole: tuple[ArrayLike, ArrayLike],
    *,
    confidence: float = 0.95,
    n_resamples: int = 500,
    rng: np.random.Generator | int = 0,
) -> tuple[float, float, float]:
    """Return which share of one dependence another one amounts to, with a bootstrap interval.

    Parameters
    ----------
    part, whole : pair of array_like of shape (n,)
        Values (NaN where there is none) and groups, for the same people in the same order.
    confidence : float
        Coverage of the percentile interval.
    n_resamples : int
        Number of bootstrap samples of people.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.

    Returns
    -------
    tuple of float
        The ratio of the two `eta2`, cut off at 1, and its bounds; NaN where the whole is 0.
    """
    generator = np.random.default_rng(rng)
    sides = [(np.asarray(v, dtype=float), np.asarray(g)) for v, g in (part, whole)]
    n = len(sides[0][0])

    def ratio(rows: NDArray[np.int64]) -> float:
        small, large = (_eta2(values[rows], groups[rows]) for values, groups in sides)
        return min(small / large, 1.0) if large > 0 else float("nan")

    drawn = np.array([ratio(generator.integers(0, n, n)) for _ in range(n_resamples)])
    known = drawn[np.isfinite(drawn)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, (tail, 1 - tail)) if known.size else (np.nan, np.nan)
    return ratio(np.arange(n)), float(low), float(high)


def _eta2(values: Floats, groups: NDArray[np.generic]) -> float:
    known = ~np.isnan(values)
    return rank_dependence(values[known], groups[known]).eta2


def _kruskal(values: Floats, codes: NDArray[np.int64], k: int) -> float:
    """Return the tie-corrected H; NaN if all values are equal or there is one group."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    n = values.size
    ties = float(np.sum(counts.astype(float) ** 3 - counts))
    if k < 2 or n < 2 or ties == n**3 - n:
        return float("nan")
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    sizes = np.bincount(codes, minlength=k)
    sums = np.bincount(codes, weights=ranks, minlength=k)
    h = 12 / (n * (n + 1)) * np.sum(sums**2 / sizes) - 3 * (n + 1)
    return float(h / (1 - ties / (n**3 - n)))
