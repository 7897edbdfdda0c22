"""Conditional KCI as Zhang et al. (2011) and causal-learn do it: kernel ridge regression on z.

Belongs here: the paper's profile of KCI given a discrete variable. Does not belong here: the
recommended form, which takes the strata's means out instead (`kci`).
"""

from dataclasses import dataclass

import numpy as np

from personax_ml.independence.columns import ColumnError, FloatArray, IntArray
from personax_ml.independence.effects import alignment
from personax_ml.independence.kernels import DenseKernel
from personax_ml.independence.nulls import moment_matched_gamma_log_sf
from personax_ml.independence.prepared import Prepared, Resampling, linear_contribution
from personax_ml.independence.profiles import standardised
from personax_ml.independence.shapes import Shape
from personax_ml.independence.tables import Strata

_RIDGE = 1e-3
_THRESHOLD = 1e-5
_MAX_VALUES = 4096


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The distinct pairs of a value of x (or y) and one of z."""

    position: FloatArray  # of x, a z-score
    of_value: IntArray  # which distinct value of x
    of_stratum: IntArray
    counts: FloatArray


def prepare_regression_kci(strata: Strata) -> Prepared:
    """Prepare conditional KCI with ridge regression on the condition.

    With R = e (Kzc + e I)^-1, e = 0.001, T is the sum over pairs of rows of (R Kxc R) * (R Kyc R),
    Kx being the kernel of (x, z / 2); a gamma distribution matches the mean and variance of the
    weighted sum of chi-squares whose weights are the eigenvalues of the product of features of
    x and y above 1e-5 of the largest. As Kz has one row per stratum, R maps functions of (x, z)
    to such functions, and the inverse is of the size of the number of strata.

    Parameters
    ----------
    strata : Strata
        Counts of pairs of values by a third variable.

    Raises
    ------
    ColumnError
        If there are more than 4,096 distinct pairs of a value of x and one of the condition.

    Notes
    -----
    O(a^3 + b r^2) for a and b distinct pairs (x, z) and (y, z) and r features of y.
    """
    pooled, given = strata.pooled, strata.given
    assert given is not None
    n = pooled.n
    sizes = np.array([float(table.n) for table in strata.tables])
    z = standardised(given.positions, sizes)
    width = 1.2 if n < 200 else 0.7 if n < 1200 else 0.4
    shape = Shape("gaussian", (width,))

    x = _pairs(strata, 0)
    y = _pairs(strata, 1)
    if len(x.counts) > _MAX_VALUES:
        raise ColumnError(
            "too_many_values",
            f"{pooled.x.name}: {len(x.counts)} distinct pairs with {given.name}, more than "
            f"{_MAX_VALUES}; use the recommended profile or exchange x and y",
        )
    matrix_z = shape.on(z, sizes)
    assert isinstance(matrix_z, DenseKernel)
    smoother = matrix_z.centred @ np.linalg.inv(
        sizes[:, None] * matrix_z.centred + _RIDGE * np.eye(len(sizes))
    )
    squares = np.subtract.outer(x.position, x.position) ** 2
    squares += np.subtract.outer(z[x.of_stratum], z[x.of_stratum]) ** 2 / 4
    kernel_x = DenseKernel(np.exp(-squares / (2 * width**2)), x.counts)
    kernel_y = shape.on(standardised(pooled.y.positions, pooled.y_counts), pooled.y_counts)
    features_x = _residuals(kernel_x.features(), x, smoother)
    features_y = _residuals(kernel_y.features()[y.of_value], y, smoother)

    # pairs are ordered by stratum, then value
    starts_x, starts_y = (np.searchsorted(p.of_stratum, np.arange(len(sizes))) for p in (x, y))
    rows = np.concatenate([s + t.rows for s, t in zip(starts_x, strata.tables, strict=True)])
    cols = np.concatenate([s + t.cols for s, t in zip(starts_y, strata.tables, strict=True)])
    weights = np.concatenate([table.cells for table in strata.tables]).astype(float)
    cross = (features_x[rows] * weights[:, None]).T @ features_y[cols]
    raw = float((cross**2).sum())

    def log_sf(raw: FloatArray) -> FloatArray:
        kept_x, kept_y = _kept(features_x, x.counts), _kept(features_y, y.counts)
        mean = float(weights @ ((kept_x**2).sum(axis=1)[rows] * (kept_y**2).sum(axis=1)[cols]))
        # the rows of a pair (x, z) see y through the second moments of its features
        moments = np.empty((len(x.counts), kept_y.shape[1] ** 2))
        for pair, cells in enumerate(
            np.split(np.arange(len(rows)), np.searchsorted(rows, np.arange(1, len(moments))))
        ):
            of_pair = kept_y[cols[cells]]
            moments[pair] = ((of_pair.T * weights[cells]) @ of_pair).ravel()
        variance = 2 * float(((kept_x @ kept_x.T) ** 2 * (moments @ moments.T)).sum())
        return moment_matched_gamma_log_sf(raw, mean, variance)

    def resampling() -> Resampling:
        parts = [
            linear_contribution(features_x[x.of_stratum == i], features_y[y.of_stratum == i])
            for i, table in enumerate(strata.tables)
            if min(table.shape) > 1
        ]
        return Resampling(parts, lambda sums: np.einsum("bm,bm->b", sums, sums))

    norms = (_norm(features_x, x.counts), _norm(features_y, y.counts))
    return Prepared("kci", raw, 1.0, alignment(raw, *norms), "cka", "gamma", log_sf, resampling)


def _pairs(strata: Strata, side: int) -> _Pairs:
    pooled = (strata.pooled.x, strata.pooled.y)[side]
    counts = (strata.pooled.x_counts, strata.pooled.y_counts)[side]
    axes = [(table.x, table.y)[side] for table in strata.tables]
    of_value = np.concatenate([np.searchsorted(pooled.values, axis.values) for axis in axes])
    return _Pairs(
        standardised(pooled.positions, counts)[of_value],
        of_value,
        np.repeat(np.arange(len(axes)), [len(axis) for axis in axes]),
        np.concatenate([(t.x_counts, t.y_counts)[side] for t in strata.tables]),
    )


def _residuals(features: FloatArray, pairs: _Pairs, smoother: FloatArray) -> FloatArray:
    """Apply R: subtract from each feature its ridge regression on the condition."""
    sums = np.zeros((len(smoother), features.shape[1]))
    np.add.at(sums, pairs.of_stratum, features * pairs.counts[:, None])
    residuals: FloatArray = features - (smoother @ sums)[pairs.of_stratum]
    return residuals


def _kept(features: FloatArray, counts: FloatArray) -> FloatArray:
    """Rotate features to principal axes and drop those below the threshold."""
    values, vectors = np.linalg.eigh((features.T * counts) @ features)
    kept: FloatArray = features @ vectors[:, values > _THRESHOLD * values[-1]]
    return kept


def _norm(features: FloatArray, counts: FloatArray) -> float:
    return float((((features.T * counts) @ features) ** 2).sum())
