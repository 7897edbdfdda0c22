"""Distance correlation (Szekely et al. 2007) of two columns from their table.

Belongs here: distance covariance in O(k) per group. Does not belong here: kernels of a width.
"""

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray
from personax_ml.independence.tables import Table


def distance_correlation(table: Table) -> float:
    """Return the (biased) distance correlation, the square root of dCov^2 / sqrt(dVar dVar).

    Distances are |a - b| for numeric and ordinal variables, 0 or 1 for nominal and binary ones,
    the chord for circular ones. Sums over pairs of rows of a numeric column come from cumulative
    sums over its sorted values, so k values cost O(k g) for g values of the other variable.
    """
    few, many = (table.y, table.x) if len(table.x) >= len(table.y) else (table.x, table.y)
    flip = few is table.x
    counts = table.counts.T if flip else table.counts
    many_counts, few_counts = (
        (table.y_counts, table.x_counts) if flip else (table.x_counts, table.y_counts)
    )
    centred = counts - np.outer(many_counts, few_counts / table.n)
    cross = float((_distances_between(many, centred) * _distance_matrix(few)).sum())
    spread = _variance(many, many_counts) * _variance(few, few_counts)
    return float(np.sqrt(np.sqrt(max(cross, 0.0) ** 2 / spread))) if spread > 0 else 0.0


def _distance_matrix(axis: Axis) -> FloatArray:
    if axis.spec.kind in ("nominal", "binary"):
        return 1.0 - np.eye(len(axis))
    distances = np.abs(np.subtract.outer(axis.positions, axis.positions))
    if axis.spec.period is not None:
        distances = 2 * np.sin(np.pi * distances / axis.spec.period)
    return distances


def _distances_between(axis: Axis, weights: FloatArray) -> FloatArray:
    """Return weights' D weights for weights whose columns sum to zero, shape (g, g).

    On a line, sum_ab u_a v_b |x_a - x_b| = -2 sum over gaps of gap * U * V with U and V the
    cumulative sums: each gap separates what lies left of it from what lies right. On a circle,
    the chord of a > b is 2 sin((a - b) / 2), which splits into products of sines and cosines.
    """
    if axis.spec.kind in ("nominal", "binary"):
        shared: FloatArray = weights.T @ weights
        return -shared
    if axis.spec.period is not None:
        half = np.pi * axis.positions / axis.spec.period
        sine, cosine = np.sin(half)[:, None], np.cos(half)[:, None]
        one_side: FloatArray = (sine * weights).T @ np.cumsum(cosine * weights, axis=0) - (
            cosine * weights
        ).T @ np.cumsum(sine * weights, axis=0)
        return 2.0 * (one_side + one_side.T)
    left = np.cumsum(weights, axis=0)[:-1]
    between: FloatArray = (left.T * np.diff(axis.positions)) @ left
    return -2.0 * between


def _variance(axis: Axis, counts: FloatArray) -> float:
    """Return the sum of squared centred distances over all pairs of rows."""
    n = float(counts.sum())
    if axis.spec.kind in ("nominal", "binary"):
        means, squares = 1.0 - counts / n, n * n - float(counts @ counts)
    elif axis.spec.period is not None:
        half = np.pi * axis.positions / axis.spec.period
        sine, cosine = np.sin(half), np.cos(half)
        # sum over all b minus twice the sum over b > a of sin(half_a - half_b)
        sums_cos, sums_sin = (2 * np.cumsum(counts * f) - (counts @ f) for f in (cosine, sine))
        means = 2 * (sine * sums_cos - cosine * sums_sin) / n
        resultant = np.exp(2j * half) @ counts
        squares = 2 * n * n - 2 * float(abs(resultant)) ** 2
    else:
        x = axis.positions - counts @ axis.positions / n
        below, sums = np.cumsum(counts), np.cumsum(counts * x)
        means = (x * (2 * below - n) - 2 * sums + sums[-1]) / n
        squares = 2 * n * float(counts @ x**2)
    mean = float(counts @ means) / n
    return squares - 2 * n * float(counts @ means**2) + (n * mean) ** 2
