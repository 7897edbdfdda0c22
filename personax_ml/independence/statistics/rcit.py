"""RCIT: the test on random Fourier features of Strobl et al. (2019).

Belongs here: drawing features, the statistic on one table or on strata, and its nulls. Does not
belong here: kernels in exact form.
"""

import zlib

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray
from personax_ml.independence.effects import alignment
from personax_ml.independence.nulls import hall_buckley_eagleson_log_sf
from personax_ml.independence.prepared import Prepared, TableFunction
from personax_ml.independence.profiles import Kernels, Profile, median_distance, standardised
from personax_ml.independence.statistics.residual import residual_features
from personax_ml.independence.tables import Strata, Table

_FEATURES: dict[Profile, int] = {"paper": 5, "recommended": 10}

_MAX_INDICATORS = 64


def normalised(raw: FloatArray, counts: FloatArray) -> FloatArray:
    """Return features with mean 0 and variance 1 over rows; constant ones are dropped."""
    n = counts.sum()
    centred = raw - counts @ raw / n
    deviation = np.sqrt(counts @ centred**2 / (n - 1))
    varies = deviation > 1e-12
    scaled: FloatArray = centred[:, varies] / deviation[varies]
    return scaled


def draw_features(axis: Axis, counts: FloatArray, profile: Profile, seed: int) -> FloatArray:
    """Draw the random features of a column, shape (k, r).

    sqrt 2 cos(w x + b) with w normal over the median distance and b uniform. The recommended
    profile gives a nominal variable its indicators (above 64 values as many random projections of
    them) and a circular one its place on the circle.
    The draw depends on the seed and the column's name alone, never on other columns.
    """
    rng = np.random.default_rng([seed, zlib.crc32(axis.name.encode())])
    if profile == "recommended" and axis.spec.kind in ("nominal", "binary"):
        if len(axis) <= _MAX_INDICATORS:
            return normalised(np.eye(len(axis)), counts)
        return normalised(rng.normal(size=(len(axis), _MAX_INDICATORS)), counts)
    period = axis.spec.period if profile == "recommended" else None
    if period is not None:
        angle = 2 * np.pi * axis.positions / period
        points = np.column_stack((np.cos(angle), np.sin(angle)))
        width = median_distance(axis.positions, counts, period)
    else:
        points = standardised(axis.positions, counts)[:, None]
        width = median_distance(points[:, 0], counts)
    number = _FEATURES[profile]
    frequencies = rng.normal(size=(points.shape[1], number)) / width
    offsets = rng.uniform(0, 2 * np.pi, number)
    return normalised(np.sqrt(2) * np.cos(points @ frequencies + offsets), counts)


def prepare_rcit(
    strata: Strata,
    profile: Profile,
    seed: int,
    kernels: Kernels,
    features: tuple[FloatArray, FloatArray] | None = None,
) -> Prepared:
    """Prepare RCIT; without a condition it is RIT.

    T = n |C|^2, C the cross-covariance of the features. Under independence T is a weighted sum of
    chi-square variables. The paper's profile takes the eigenvalues of the covariance of all
    products of a feature of x with one of y and Hall, Buckley and Eagleson's approximation, as
    causal-learn does with current numpy; the recommended one the products of the eigenvalues of
    the two covariances, which are the same under independence and better estimated, and the
    saddlepoint approximation. Given a discrete variable, the strata's means are taken out of the
    features, which is what regression on its indicators amounts to.

    Parameters
    ----------
    strata : Strata
        Counts of pairs of values.
    profile : {"paper", "recommended"}
        Number and kind of features, and null; given a condition there is the recommended one only.
    seed : int
        Seed of the features.
    kernels : Kernels
        Memory of features already drawn.
    features : pair of ndarray, shape (kx, rx) and (ky, ry), optional
        Features of the distinct values to use instead of random ones, mean 0 and variance 1.

    Notes
    -----
    The effect size is centred kernel alignment of the features. O(m r^2) for m non-empty cells
    and r features (paper: r^4).
    """
    table = strata.pooled

    def drawn(axis: Axis, counts: FloatArray) -> FloatArray:
        return kernels.remember(
            ("rcit", profile, seed, axis.name, axis.spec),
            axis,
            counts,
            lambda: draw_features(axis, counts, profile, seed),
        )

    x, y = features or (drawn(table.x, table.x_counts), drawn(table.y, table.y_counts))
    residuals = residual_features(strata, x, y)
    scale = table.n / (table.n - 1) ** 2
    paper = profile == "paper" and strata.given is None
    return Prepared(
        "rcit",
        residuals.squared_cross,
        scale,
        alignment(residuals.squared_cross, *residuals.scatter_norms),
        "cka",
        "hall-buckley-eagleson" if paper else "spectral saddlepoint",
        _paper_null(table, scale, x, y) if paper else residuals.log_sf,
        residuals.resampling,
    )


def _paper_null(table: Table, scale: float, x: FloatArray, y: FloatArray) -> TableFunction:
    """Return log p from the second moments of all products of a feature of x with one of y."""
    rx, ry = x.shape[1], y.shape[1]
    pairs_x = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    pairs_y = (y[:, :, None] * y[:, None, :]).reshape(len(y), -1)
    moments = table.between(pairs_x, pairs_y) / table.n
    covariance = moments.reshape(rx, rx, ry, ry).transpose(0, 2, 1, 3).reshape(rx * ry, rx * ry)
    # traces of powers are the power sums of the eigenvalues
    squared = covariance @ covariance
    sums = (
        float(np.trace(covariance)),
        float(np.trace(squared)),
        float(np.vdot(squared, covariance)),
    )
    return lambda raw: hall_buckley_eagleson_log_sf(scale * raw, sums)
