"""RCIT without a condition, which is RIT (Strobl et al. 2019): random Fourier features.

Belongs here: drawing features, the statistic and its null on one table. Does not belong here:
kernels in exact form.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from personax_ml.independence.columns import Axis, FloatArray
from personax_ml.independence.effects import alignment
from personax_ml.independence.nulls import hall_buckley_eagleson_log_sf, saddlepoint_log_sf
from personax_ml.independence.profiles import Profile, median_distance, standardised
from personax_ml.independence.results import TestResult, from_log_p
from personax_ml.independence.tables import Table

_FEATURES: dict[Profile, int] = {"paper": 5, "recommended": 10}


@dataclass(frozen=True, eq=False)
class Features:
    """Features of the distinct values of a column, mean 0 and variance 1 over rows.

    Parameters
    ----------
    values : ndarray, shape (k, r)
        The features.
    counts : ndarray, shape (k,)
        How often each distinct value occurs.
    """

    values: FloatArray
    counts: FloatArray

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the features (denominator n - 1)."""
        scatter: FloatArray = (self.values.T * self.counts) @ self.values
        scatter /= self.counts.sum() - 1
        return scatter


def normalised(raw: FloatArray, counts: FloatArray) -> Features:
    """Centre features and scale them to variance 1; constant ones are dropped."""
    n = counts.sum()
    centred = raw - counts @ raw / n
    deviation = np.sqrt(counts @ centred**2 / (n - 1))
    varies = deviation > 1e-12
    return Features(centred[:, varies] / deviation[varies], counts)


def draw_features(axis: Axis, counts: FloatArray, profile: Profile, seed: int) -> Features:
    """Draw the random features of a column.

    sqrt 2 cos(w x + b) with w normal over the median distance and b uniform. The recommended
    profile gives a nominal variable its indicators and a circular one its place on the circle.
    The draw depends on the seed and the column's name alone, never on other columns.
    """
    rng = np.random.default_rng([seed, zlib.crc32(axis.name.encode())])
    number = _FEATURES[profile]
    if profile == "recommended" and axis.spec.kind in ("nominal", "binary"):
        return normalised(np.eye(len(axis)), counts)
    if profile == "recommended" and axis.spec.period is not None:
        angle = 2 * np.pi * axis.positions / axis.spec.period
        points = np.column_stack((np.cos(angle), np.sin(angle)))
        width = median_distance(axis.positions, counts, axis.spec.period)
    else:
        points = standardised(axis.positions, counts)[:, None]
        width = median_distance(points[:, 0], counts)
    frequencies = rng.normal(size=(points.shape[1], number)) / width
    offsets = rng.uniform(0, 2 * np.pi, number)
    return normalised(np.sqrt(2) * np.cos(points @ frequencies + offsets), counts)


def rcit_table(
    table: Table,
    profile: Profile = "recommended",
    seed: int = 0,
    features: tuple[Features, Features] | None = None,
) -> TestResult:
    """Test independence of the two columns of a table by random Fourier features.

    T = n |C|^2, C the cross-covariance of the features. Under independence T is a weighted sum of
    chi-square variables. The paper's profile takes the eigenvalues of the covariance of all
    products of a feature of x with one of y and Hall, Buckley and Eagleson's approximation, as
    causal-learn does with current numpy; the recommended one the products of the eigenvalues of
    the two covariances, which are the same under independence and better estimated, and the
    saddlepoint approximation.

    Parameters
    ----------
    table : Table
        Counts of pairs of values.
    profile : {"recommended", "paper"}
        Number and kind of features, and null.
    seed : int
        Seed of the features.
    features : pair of Features, optional
        Features to use instead of random ones.

    Returns
    -------
    TestResult
        The effect size is centred kernel alignment of the features.
    """
    x, y = features or (
        draw_features(table.x, table.x_counts, profile, seed),
        draw_features(table.y, table.y_counts, profile, seed),
    )
    n = table.n
    weighted_x = x.values[table.rows] * table.cells[:, None]
    cross = weighted_x.T @ y.values[table.cols] / (n - 1)
    statistic = n * float((cross**2).sum())
    covariance_x, covariance_y = x.covariance, y.covariance
    if profile == "paper":
        weights = _product_spectrum(table, x, y)
        log_p = hall_buckley_eagleson_log_sf(statistic, weights)
    else:
        spectra = [np.linalg.eigvalsh(c) for c in (covariance_x, covariance_y)]
        weights = np.outer(*(s[s > 1e-12] for s in spectra)).ravel()
        log_p = saddlepoint_log_sf(statistic, weights)
    return from_log_p(
        "rcit",
        statistic,
        float(log_p),
        effect_size=alignment(
            float((cross**2).sum()),
            float((covariance_x**2).sum()),
            float((covariance_y**2).sum()),
        ),
        effect_measure="cka",
        n=n,
        null_approximation="hall-buckley-eagleson"
        if profile == "paper"
        else "spectral saddlepoint",
    )


def _product_spectrum(table: Table, x: Features, y: Features) -> FloatArray:
    """Eigenvalues of the second moments of all products of a feature of x with one of y."""
    pairs_x = (x.values[:, :, None] * x.values[:, None, :]).reshape(len(x.values), -1)
    pairs_y = (y.values[:, :, None] * y.values[:, None, :]).reshape(len(y.values), -1)
    weighted = pairs_x[table.rows] * table.cells[:, None]
    moments = weighted.T @ pairs_y[table.cols] / table.n
    rx, ry = x.values.shape[1], y.values.shape[1]
    covariance = moments.reshape(rx, rx, ry, ry).transpose(0, 2, 1, 3).reshape(rx * ry, rx * ry)
    eigenvalues = np.linalg.eigvalsh(covariance)
    return eigenvalues[eigenvalues > 0]
