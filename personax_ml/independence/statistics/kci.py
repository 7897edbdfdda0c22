"""KCI: the kernel-based test of (conditional) independence of Zhang et al. (2011).

Belongs here: the statistic on one table or on strata, and its nulls. Does not belong here: the
choice of kernels (`profiles`), or the paper's form of conditioning (`regression_kci`).
"""

import numpy as np

from personax_ml.independence.columns import ColumnError, FloatArray
from personax_ml.independence.effects import alignment
from personax_ml.independence.kernels import Kernel
from personax_ml.independence.nulls import moment_matched_gamma_log_sf, saddlepoint_log_sf
from personax_ml.independence.prepared import Prepared, Resampling, TableFunction
from personax_ml.independence.profiles import KernelChoice, Kernels, Profile
from personax_ml.independence.statistics.kernel_pair import cross_statistic
from personax_ml.independence.tables import Strata

KernelPair = tuple[Kernel, Kernel]

_DEGENERATE = 1e-9
"""Mean of the centred kernel's diagonal below which rounding errors would decide."""


def prepare_kci(strata: Strata, profile: Profile, kernels: Kernels) -> Prepared:
    """Prepare KCI.

    T = sum over pairs of rows of Kxc * Kyc, n^2 times the biased HSIC. Under independence T is
    asymptotically a weighted sum of chi-square variables, the weights being the products of the
    eigenvalues of the centred kernel matrices over n. The paper's profile matches a gamma
    distribution to its mean tr(Kxc) tr(Kyc) / n and variance 2 |Kxc|^2 |Kyc|^2 / n^2; the
    recommended one uses the spectrum itself with the saddlepoint approximation, and n - 1 for n,
    which makes the mean that of the permutation distribution.

    Given a discrete variable, kernels are centred within its strata and T is summed over them.
    That is conditional KCI with a delta kernel for the condition and no ridge: the regression on
    the condition becomes the stratum mean.

    Parameters
    ----------
    strata : Strata
        Counts of pairs of values.
    profile : {"paper", "recommended"}
        Kernels and null.
    kernels : Kernels
        Where kernels come from.

    Notes
    -----
    O(kx ky min(kx, ky)) for small tables; O(k r) for a column of k distinct values with r
    frequencies. The number of rows does not matter.
    """
    pairs = kernel_pairs(strata, "paper_kci" if profile == "paper" else "multiscale", kernels)
    statistic = sum(
        cross_statistic(table, *pair) for table, pair in zip(strata.informative, pairs, strict=True)
    )
    gamma = profile == "paper"
    return Prepared(
        "kci",
        statistic,
        1.0,
        alignment(
            statistic, sum(x.frobenius for x, _ in pairs), sum(y.frobenius for _, y in pairs)
        ),
        "cka",
        "gamma" if gamma else "spectral saddlepoint",
        gamma_null(pairs) if gamma else spectral_null(pairs),
        lambda: Resampling([kernel_contribution(*pair) for pair in pairs], lambda sums: sums[:, 0]),
    )


def kernel_pairs(strata: Strata, choice: KernelChoice, kernels: Kernels) -> list[KernelPair]:
    """Return the kernels of x and y in each stratum, their widths being those of all rows.

    Raises
    ------
    ColumnError
        If a kernel cannot tell the values of its column apart, as happens in raw units.
    """
    pooled = strata.pooled
    shape_x = kernels.shape(choice, pooled.x, pooled.x_counts)
    shape_y = kernels.shape(choice, pooled.y, pooled.y_counts)
    pairs = [
        (kernels.on(shape_x, t.x, t.x_counts), kernels.on(shape_y, t.y, t.y_counts))
        for t in strata.informative
    ]
    for axis, side in zip((pooled.x, pooled.y), zip(*pairs, strict=True), strict=True):
        if sum(kernel.trace for kernel in side) < _DEGENERATE * pooled.n:
            raise ColumnError(
                "degenerate_kernel",
                f"{axis.name}: its values are too close for the kernel's width; use other units "
                "or the recommended profile",
            )
    return pairs


def gamma_null(pairs: list[KernelPair]) -> TableFunction:
    """Return log p as a function of T, by the moment-matched gamma distribution."""
    mean = sum(x.trace * y.trace / x.n for x, y in pairs)
    variance = sum(2 * x.frobenius * y.frobenius / x.n**2 for x, y in pairs)
    return lambda raw: moment_matched_gamma_log_sf(raw, mean, variance)


def spectral_null(pairs: list[KernelPair]) -> TableFunction:
    """Return log p as a function of T, by the saddlepoint approximation to the weighted sum.

    Eigenvalues over n - 1 give the mean of T under permutation; deviations from it are scaled so
    that the variance is that under permutation too, which matters where counts are small.
    """
    weights = np.concatenate(
        [np.outer(x.spectrum, y.spectrum).ravel() / (x.n - 1) for x, y in pairs]
    )
    mean, variance = float(weights.sum()), 2 * float((weights**2).sum())
    scale = np.sqrt(variance / sum(permutation_variance(x, y) for x, y in pairs))
    return lambda raw: saddlepoint_log_sf(mean + (raw - mean) * scale, weights)


def permutation_variance(kernel_x: Kernel, kernel_y: Kernel) -> float:
    """Return the variance of T over all permutations of y (Kazi-Aoual et al. 1995).

    Below four rows, where the formula does not exist, that of the weighted sum of chi-squares.
    """
    n = kernel_x.n
    if n < 4:
        return 2 * kernel_x.frobenius * kernel_y.frobenius / (n - 1) ** 2
    spread, peaks = 1.0, 1.0
    for kernel in (kernel_x, kernel_y):
        trace2, frobenius = kernel.trace**2, kernel.frobenius
        spread *= (n - 1) * frobenius - trace2
        peaks *= n * (n + 1) * kernel.squared_diagonal - (n - 1) * (trace2 + 2 * frobenius)
    return 2 * spread / ((n - 1) ** 2 * (n + 1) * (n - 2)) + peaks / (
        (n + 1) * n * (n - 1) * (n - 2) * (n - 3)
    )


def kernel_contribution(kernel_x: Kernel, kernel_y: Kernel) -> TableFunction:
    """Return T of random tables with the margins of the two kernels."""
    features_x, features_y = kernel_x.features(), kernel_y.features()

    def contribution(tables: FloatArray) -> FloatArray:
        cross = features_x.T @ (tables @ features_y)
        total: FloatArray = np.einsum("bij,bij->b", cross, cross)[:, None]
        return total

    return contribution
