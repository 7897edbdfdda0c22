"""How well raters agree.

Belongs here: Krippendorff's alpha with missing ratings and its bootstrap interval, and the
quadratic weighted kappa of two raters. Does not belong here: who the raters are, or tables.

All of it depends on the ratings through counts only (how many units received which set of
ratings), so the cost of a bootstrap does not grow with the number of units.

References
----------
.. [1] K. Krippendorff, "Content Analysis", 4th ed., 2018, chapter 12.
.. [2] J. Cohen, "Weighted kappa", Psychological Bulletin 70, 1968.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Level = Literal["nominal", "ordinal", "interval"]

_Floats = NDArray[np.float64]


def krippendorff_alpha(ratings: ArrayLike, level: Level = "ordinal") -> float:
    """Return Krippendorff's alpha [1]_.

    Parameters
    ----------
    ratings : array_like of shape (n_units, n_raters)
        One row per unit, NaN where a rater did not rate it.
    level : {"nominal", "ordinal", "interval"}
        Scale of measurement.

    Returns
    -------
    float
        1 for perfect agreement, 0 for what chance would give, negative for systematic
        disagreement; NaN where it is undefined: no unit with two ratings, or one value only.

    Examples
    --------
    >>> round(krippendorff_alpha([[1, 1], [2, 2], [3, 2], [1, float("nan")]]), 3)
    0.667
    """
    values, patterns, counts = _patterns(ratings)
    return float(_alpha(values, counts @ _coincidences(patterns), level)[0])


def krippendorff_interval(
    ratings: ArrayLike,
    level: Level = "ordinal",
    *,
    confidence: float = 0.95,
    n_resamples: int = 2_000,
    rng: np.random.Generator | int = 0,
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of Krippendorff's alpha, resampling units.

    Parameters
    ----------
    ratings : array_like of shape (n_units, n_raters)
        One row per unit, NaN where a rater did not rate it.
    level : {"nominal", "ordinal", "interval"}
        Scale of measurement.
    confidence : float
        Coverage of the interval.
    n_resamples : int
        Number of bootstrap samples.
    rng : numpy.random.Generator or int
        Source of randomness, or a seed.

    Returns
    -------
    tuple of float
        The bounds; NaN where alpha is undefined.
    """
    values, patterns, counts = _patterns(ratings)
    n_units = int(counts.sum())
    if n_units == 0:
        return float("nan"), float("nan")
    generator = np.random.default_rng(rng)
    resampled = generator.multinomial(n_units, counts[0] / n_units, size=n_resamples)
    alphas = _alpha(values, resampled @ _coincidences(patterns), level)
    alphas = alphas[np.isfinite(alphas)]
    if alphas.size == 0:
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    low, high = np.quantile(alphas, (tail, 1 - tail))
    return float(low), float(high)


def quadratic_weighted_kappa(first: ArrayLike, second: ArrayLike) -> float:
    """Return Cohen's kappa of two raters with quadratic weights [2]_.

    Parameters
    ----------
    first, second : array_like of shape (n_units,)
        Their ratings; units that one of them did not rate (NaN) are left out.

    Returns
    -------
    float
        The kappa; NaN where it is undefined: no unit rated by both, or one value only.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"the ratings must be two vectors of one length, not {a.shape}, {b.shape}")
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    if a.size == 0:
        return float("nan")
    observed = np.mean((a - b) ** 2)
    # Over all pairs of one rating by each: E(a - b)^2 without forming the pairs.
    expected = np.var(a) + np.var(b) + (np.mean(a) - np.mean(b)) ** 2
    return float(1 - observed / expected) if expected > 0 else float("nan")


def _patterns(ratings: ArrayLike) -> tuple[_Floats, _Floats, NDArray[np.int64]]:
    """Return the values, the distinct rows as counts per value, and how often each occurs.

    Units with fewer than two ratings say nothing about agreement and are left out. The shapes
    are (n_values,), (n_patterns, n_values) and (1, n_patterns).
    """
    table = np.asarray(ratings, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"ratings must have shape (n_units, n_raters), not {table.shape}")
    table = table[(~np.isnan(table)).sum(axis=1) >= 2]
    values = np.unique(table[~np.isnan(table)])
    votes = (table[:, :, None] == values).sum(axis=1)
    patterns, counts = np.unique(votes, axis=0, return_counts=True)
    return values, patterns.astype(float), counts[None, :].astype(np.int64)


def _coincidences(patterns: _Floats) -> _Floats:
    """Return each pattern's contribution to the coincidence matrix, flattened.

    A unit with m ratings adds its m (m - 1) ordered pairs, each weighing 1 / (m - 1).
    """
    n_values = patterns.shape[1]
    pairs = patterns[:, :, None] * patterns[:, None, :]
    pairs -= patterns[:, :, None] * np.eye(n_values)
    pairs /= (patterns.sum(axis=1) - 1)[:, None, None]
    flat: _Floats = pairs.reshape(len(patterns), n_values * n_values)
    return flat


def _alpha(values: _Floats, coincidences: _Floats, level: Level) -> _Floats:
    """Return alpha for each row of flattened coincidence matrices."""
    observed = coincidences.reshape(len(coincidences), len(values), len(values))
    totals = observed.sum(axis=2)
    n = totals.sum(axis=1)
    distances = _distances(values, totals, level)
    expected = totals[:, :, None] * totals[:, None, :]
    expected -= totals[:, :, None] * np.eye(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        disagreement = (observed * distances).sum(axis=(1, 2))
        chance = (expected * distances).sum(axis=(1, 2)) / (n - 1)
        alpha: _Floats = np.where(chance > 0, 1 - disagreement / chance, np.nan)
    return alpha


def _distances(values: _Floats, totals: _Floats, level: Level) -> _Floats:
    """Return squared distances between values, for each row of totals."""
    if level == "nominal":
        return np.broadcast_to(1.0 - np.eye(len(values)), (len(totals), *[len(values)] * 2))
    if level == "interval":
        places = np.broadcast_to(values, totals.shape)
    elif level == "ordinal":
        # A value lies in the middle of the ratings that it received, all ratings being in line.
        places = np.cumsum(totals, axis=1) - totals / 2
    else:
        raise ValueError(f"level is {level!r}; it must be one of {', '.join(get_args(Level))}")
    squared: _Floats = (places[:, :, None] - places[:, None, :]) ** 2
    return squared
