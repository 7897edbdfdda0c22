"""HSIC: the Hilbert-Schmidt independence criterion of Gretton et al. (2008).

Belongs here: the statistic on one table or on strata, and its nulls. Does not belong here: the
choice of kernels (`profiles`).
"""

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.kernels import Kernel
from personax_ml.independence.nulls import moment_matched_gamma_log_sf
from personax_ml.independence.prepared import Prepared, Resampling, TableFunction
from personax_ml.independence.profiles import Kernels, Profile
from personax_ml.independence.statistics.dcor import distance_correlation
from personax_ml.independence.statistics.kci import (
    KernelPair,
    kernel_contribution,
    kernel_pairs,
    spectral_null,
)
from personax_ml.independence.statistics.kernel_pair import (
    cross_statistic,
    squared_cross,
    squared_cross_diagonal,
)
from personax_ml.independence.statistics.residual import residual_features
from personax_ml.independence.tables import Strata, Table

_LEADING = 1e-4
"""Share of the largest eigenvalue from which on a feature enters the test given a condition."""


def prepare_hsic(strata: Strata, profile: Profile, kernels: Kernels) -> Prepared:
    """Prepare HSIC.

    The statistic is the biased estimate, the sum of Kxc * Kyc over pairs of rows divided by n^2.
    The paper's profile takes Gaussians of width 1 / sqrt 2 in raw units and a gamma null with
    the mean and variance of Gretton et al., theorems 3 and 4; the recommended one the median
    distance as width and the spectral null.

    Given a discrete variable it is the HSIC of residuals: the strata's means are taken out of the
    kernels' features, and one cross-covariance is formed of all rows.

    Parameters
    ----------
    strata : Strata
        Counts of pairs of values.
    profile : {"paper", "recommended"}
        Kernels and null; given a condition there is the recommended one only.
    kernels : Kernels
        Where kernels come from.

    Notes
    -----
    The effect size is distance correlation, which is HSIC with minus the distance for a kernel
    (Sejdinovic et al. 2013) and so does not depend on a width. Complexity as of KCI.
    """
    if strata.given is not None:
        return _given(strata, kernels)
    table = strata.pooled
    pairs = kernel_pairs(strata, "paper_hsic" if profile == "paper" else "median", kernels)
    gamma = profile == "paper"
    # the null goes first: it needs more frequencies of the same table than the statistic
    log_sf = _gamma_null(table, pairs[0]) if gamma else spectral_null(pairs)
    return Prepared(
        "hsic",
        cross_statistic(table, *pairs[0]),
        1 / table.n**2,
        distance_correlation(strata),
        "dcor",
        "gamma" if gamma else "spectral saddlepoint",
        log_sf,
        lambda: Resampling([kernel_contribution(*pairs[0])], lambda sums: sums[:, 0]),
    )


def _gamma_null(table: Table, pair: KernelPair) -> TableFunction:
    n = table.n
    mu_x, mu_y = ((n * kernel.mean - 1) / (n - 1) for kernel in pair)
    mean = (1 + mu_x * mu_y - mu_x - mu_y) / n
    squares = squared_cross(table, *pair) - squared_cross_diagonal(table, *pair)
    variance = 2 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3)) * squares / n**2
    return lambda raw: moment_matched_gamma_log_sf(raw / n**2, mean, variance)


def _given(strata: Strata, kernels: Kernels) -> Prepared:
    pooled = strata.pooled
    features = [
        _leading(kernels.on(kernels.shape("median", axis, counts), axis, counts))
        for axis, counts in ((pooled.x, pooled.x_counts), (pooled.y, pooled.y_counts))
    ]
    residuals = residual_features(strata, *features)
    return Prepared(
        "hsic",
        residuals.squared_cross,
        1 / pooled.n**2,
        distance_correlation(strata),
        "dcor",
        "spectral saddlepoint",
        residuals.log_sf,
        residuals.resampling,
    )


def _leading(kernel: Kernel) -> FloatArray:
    features = kernel.features()
    eigenvalues = kernel.counts @ features**2
    return features[:, eigenvalues > _LEADING * eigenvalues.max()]
