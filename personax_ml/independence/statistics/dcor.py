"""Distance correlation (Szekely et al. 2007) from tables.

Belongs here: sums over pairs of rows of products of centred distances, in O(k) per group, and the
test based on them. Does not belong here: kernels of a width.

Distances are |a - b| for numeric and ordinal variables, 0 or 1 for nominal and binary ones, and
the chord of the unit circle for circular ones.
"""

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray, IntArray
from personax_ml.independence.kernels import DeltaKernel
from personax_ml.independence.nulls import saddlepoint_log_sf
from personax_ml.independence.prepared import Prepared, Resampling, TableFunction
from personax_ml.independence.tables import Strata, Table

_MAX_POINTS = 256
"""Distinct values from which on the null's spectrum is that of as many quantile groups."""

_MAX_CELLS = 1 << 25
_BLOCK = 512


def distance_correlation(strata: Strata) -> float:
    """Return the (biased) distance correlation, the square root of dCov^2 / sqrt(dVar dVar).

    Within strata, the sums of dCov^2 and dVar over them take their place.
    """
    tables = strata.informative
    cross = sum(_cross(table) for table in tables)
    spread_x = sum(_variance(t.x, t.x_counts) for t in tables)
    spread_y = sum(_variance(t.y, t.y_counts) for t in tables)
    return float(np.sqrt(min(1.0, max(cross, 0.0) / np.sqrt(spread_x * spread_y))))


def prepare_dcor(strata: Strata) -> Prepared:
    """Prepare the test of distance covariance.

    The statistic is n dCov^2. Minus the centred distance is a positive definite kernel, so the
    null is that of KCI: a weighted sum of chi-square variables. O(k g) for k and g <= k distinct
    values.
    """
    tables = strata.informative
    total = sum(_cross(table) for table in tables)

    def log_sf(raw: FloatArray) -> FloatArray:
        weights = [
            np.outer(_spectrum(t.x, t.x_counts), _spectrum(t.y, t.y_counts)).ravel() / (t.n - 1)
            for t in tables
        ]
        return saddlepoint_log_sf(raw, np.concatenate(weights))

    return Prepared(
        "dcor",
        total,
        1 / strata.pooled.n,
        distance_correlation(strata),
        "dcor",
        "spectral saddlepoint",
        log_sf,
        lambda: Resampling([_contribution(table) for table in tables], lambda sums: sums[:, 0]),
    )


def _oriented(table: Table) -> tuple[bool, Axis, Axis]:
    """Return whether x has fewer distinct values than y, the longer axis and the shorter."""
    flip = len(table.x) < len(table.y)
    return (flip, table.y, table.x) if flip else (flip, table.x, table.y)


def _cross(table: Table) -> float:
    """Return the sum over pairs of rows of the products of centred distances."""
    if table.shape[0] * table.shape[1] > _MAX_CELLS:
        return _cross_by_blocks(table)
    return float(_contribution(table)(table.counts[None])[0, 0])


def _contribution(table: Table) -> TableFunction:
    flip, many, few = _oriented(table)
    expected = np.outer(table.x_counts, table.y_counts / table.n)
    distances = _distance_matrix(few)

    def contribution(tables: FloatArray) -> FloatArray:
        centred = tables - expected
        between = _distances_between(many, centred.swapaxes(1, 2) if flip else centred)
        total: FloatArray = np.einsum("bij,ij->b", between, distances)[:, None]
        return total

    return contribution


def _cross_by_blocks(table: Table) -> float:
    """O(m^2) time, O(m) memory, for two columns of many distinct values (m cells)."""
    weights = table.cells.astype(float)
    means_x, means_y = _row_means(table.x, table.x_counts), _row_means(table.y, table.y_counts)
    mean_x, mean_y = (
        float(c @ m) / table.n for c, m in ((table.x_counts, means_x), (table.y_counts, means_y))
    )
    total = 0.0
    for start in range(0, len(weights), _BLOCK):
        part = slice(start, start + _BLOCK)
        products = np.ones((len(weights[part]), len(weights)))
        for axis, at, means, mean in (
            (table.x, table.rows, means_x, mean_x),
            (table.y, table.cols, means_y, mean_y),
        ):
            distances = _distance(axis, at[part, None], at[None, :])
            products *= distances - means[at[part], None] - means[at] + mean
        total += float(weights[part] @ products @ weights)
    return total


def _distance(axis: Axis, i: IntArray, j: IntArray) -> FloatArray:
    if axis.spec.kind in ("nominal", "binary"):
        different: FloatArray = np.not_equal(i, j).astype(float)
        return different
    distances: FloatArray = np.abs(axis.positions[i] - axis.positions[j])
    if axis.spec.period is not None:
        np.sin(np.pi * distances / axis.spec.period, out=distances)
        distances *= 2
    return distances


def _distance_matrix(axis: Axis) -> FloatArray:
    k = np.arange(len(axis))
    return _distance(axis, k[:, None], k[None, :])


def _distances_between(axis: Axis, weights: FloatArray) -> FloatArray:
    """Return weights' D weights for weights (..., k, g) whose columns sum to zero.

    On a line, sum_ab u_a v_b |x_a - x_b| = -2 sum over gaps of gap * U * V with U and V the
    cumulative sums: each gap separates what lies left of it from what lies right. On a circle,
    the chord of a > b is 2 sin((a - b) / 2), which splits into products of sines and cosines.
    """
    if axis.spec.kind in ("nominal", "binary"):
        shared: FloatArray = weights.swapaxes(-1, -2) @ weights
        return -shared
    if axis.spec.period is not None:
        half = np.pi * axis.positions / axis.spec.period
        sine, cosine = np.sin(half)[:, None] * weights, np.cos(half)[:, None] * weights
        one_side: FloatArray = sine.swapaxes(-1, -2) @ np.cumsum(cosine, axis=-2)
        one_side -= cosine.swapaxes(-1, -2) @ np.cumsum(sine, axis=-2)
        both: FloatArray = one_side + one_side.swapaxes(-1, -2)
        return 2.0 * both
    left = np.cumsum(weights, axis=-2)[..., :-1, :]
    between: FloatArray = (left * np.diff(axis.positions)[:, None]).swapaxes(-1, -2) @ left
    return -2.0 * between


def _row_means(axis: Axis, counts: FloatArray) -> FloatArray:
    """Return the mean distance of each distinct value from all rows, O(k)."""
    n = float(counts.sum())
    if axis.spec.kind in ("nominal", "binary"):
        return 1.0 - counts / n
    if axis.spec.period is not None:
        half = np.pi * axis.positions / axis.spec.period
        sine, cosine = np.sin(half), np.cos(half)
        # sum over b < a less sum over b > a
        cos_sums, sin_sums = (2 * np.cumsum(counts * f) - counts @ f for f in (cosine, sine))
        chords: FloatArray = 2 * (sine * cos_sums - cosine * sin_sums) / n
        return chords
    x = axis.positions - counts @ axis.positions / n
    below, sums = np.cumsum(counts), np.cumsum(counts * x)
    means: FloatArray = (x * (2 * below - n) - 2 * sums + sums[-1]) / n
    return means


def _variance(axis: Axis, counts: FloatArray) -> float:
    """Return the sum of squared centred distances over all pairs of rows, O(k)."""
    n = float(counts.sum())
    if axis.spec.kind in ("nominal", "binary"):
        squares = n * n - float(counts @ counts)
    elif axis.spec.period is not None:
        resultant = np.exp(2j * np.pi * axis.positions / axis.spec.period) @ counts
        squares = 2 * n * n - 2 * float(abs(resultant)) ** 2
    else:
        x = axis.positions - counts @ axis.positions / n
        squares = 2 * n * float(counts @ x**2)
    means = _row_means(axis, counts)
    mean = float(counts @ means) / n
    return squares - 2 * n * float(counts @ means**2) + (n * mean) ** 2


def _spectrum(axis: Axis, counts: FloatArray) -> FloatArray:
    """Return the eigenvalues of minus the centred distance matrix of the rows.

    Above 256 distinct values those of 256 groups of neighbours at their means, scaled to the
    exact trace. A nominal variable's are those of the delta kernel.
    """
    if axis.spec.kind in ("nominal", "binary"):
        return DeltaKernel(counts).spectrum
    trace = float(counts @ _row_means(axis, counts))
    groups, sizes, _ = _grouped(axis, counts)
    values = np.linalg.eigvalsh(_scaled_kernel(groups, sizes))
    values = values[values > 1e-12 * values[-1]]
    scaled: FloatArray = values * (trace / values.sum())
    return scaled


def distance_features(axis: Axis, counts: FloatArray) -> FloatArray:
    """Return F, shape (k, r), F F' being minus the centred distance matrix of the values.

    Above 256 distinct values, neighbours in 256 groups share the features of their mean.
    """
    if axis.spec.kind in ("nominal", "binary"):
        return DeltaKernel(counts).features()
    groups, sizes, group = _grouped(axis, counts)
    values, vectors = np.linalg.eigh(_scaled_kernel(groups, sizes))
    kept = values > 1e-12 * values[-1]
    features: FloatArray = vectors[:, kept] * np.sqrt(values[kept]) / np.sqrt(sizes)[:, None]
    return features[group]


def _grouped(axis: Axis, counts: FloatArray) -> tuple[Axis, FloatArray, IntArray]:
    """Return at most 256 groups of neighbours at their means, their sizes, and who is in which."""
    if len(axis) <= _MAX_POINTS:
        return axis, counts, np.arange(len(axis))
    group = ((np.cumsum(counts) - counts / 2) / counts.sum() * _MAX_POINTS).astype(int)
    used, group = np.unique(group, return_inverse=True)
    sizes = np.bincount(group, counts, len(used)).astype(float)
    centres = np.bincount(group, counts * axis.positions, len(used)) / sizes
    return Axis(axis.name, axis.spec, centres), sizes, group


def _scaled_kernel(axis: Axis, counts: FloatArray) -> FloatArray:
    """Return minus the centred distance matrix times the roots of both counts."""
    means = _row_means(axis, counts)
    mean = float(counts @ means) / float(counts.sum())
    centred = means[:, None] + means[None, :] - mean - _distance_matrix(axis)
    root = np.sqrt(counts)
    scaled: FloatArray = root[:, None] * centred * root
    return scaled
