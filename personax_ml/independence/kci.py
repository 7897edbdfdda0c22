"""KCI: kernel-based independence (Zhang et al. 2011), unconditional.

Belongs here: the statistic and its null on one table. Does not belong here: conditioning
(`conditional`) or the choice of kernels (`profiles`).
"""

import numpy as np

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.effects import alignment
from personax_ml.independence.kernel_pair import cross_statistic
from personax_ml.independence.kernels import Kernel
from personax_ml.independence.nulls import (
    moment_matched_gamma_log_sf,
    saddlepoint_log_sf,
)
from personax_ml.independence.profiles import KernelChoice, KernelSource, Profile, build_kernel
from personax_ml.independence.results import TestResult, from_log_p
from personax_ml.independence.tables import Table


def kci_table(
    table: Table, profile: Profile = "recommended", kernels: KernelSource = build_kernel
) -> TestResult:
    """Test independence of the two columns of a table by KCI.

    T = sum over pairs of rows of Kxc * Kyc (n^2 times the biased HSIC). Under independence T is
    asymptotically a weighted sum of chi-square variables, the weights being the products of the
    eigenvalues of the centred kernel matrices over n. The paper's profile matches a gamma
    distribution to its mean tr(Kxc) tr(Kyc) / n and variance 2 |Kxc|^2 |Kyc|^2 / n^2; the
    recommended one uses the spectrum itself with the saddlepoint approximation and n - 1 for n,
    which makes the mean that of the permutation distribution.

    Parameters
    ----------
    table : Table
        Counts of pairs of values.
    profile : {"recommended", "paper"}
        Kernels and null.
    kernels : callable
        Where kernels come from.

    Returns
    -------
    TestResult
        The effect size is centred kernel alignment.

    Notes
    -----
    O(kx ky min(kx, ky)) for small tables; O(k r) for a column of k distinct values with r
    frequencies. The number of rows does not matter.
    """
    choice: KernelChoice = "paper_kci" if profile == "paper" else "multiscale"
    kernel_x = kernels(choice, table.x, table.x_counts)
    kernel_y = kernels(choice, table.y, table.y_counts)
    statistic = cross_statistic(table, kernel_x, kernel_y)
    if profile == "paper":
        log_p = gamma_null(statistic, kernel_x, kernel_y)
    else:
        log_p = spectral_null(statistic, kernel_x, kernel_y)
    return from_log_p(
        "kci",
        statistic,
        float(log_p),
        effect_size=alignment(statistic, kernel_x.frobenius, kernel_y.frobenius),
        effect_measure="cka",
        n=table.n,
        null_approximation="gamma" if profile == "paper" else "spectral saddlepoint",
    )


def gamma_null(statistic: float, kernel_x: Kernel, kernel_y: Kernel) -> FloatArray:
    """Return log p by the moment-matched gamma distribution."""
    mean = kernel_x.trace * kernel_y.trace / kernel_x.n
    variance = 2 * kernel_x.frobenius * kernel_y.frobenius / kernel_x.n**2
    return moment_matched_gamma_log_sf(statistic, mean, variance)


def spectral_null(statistic: float, kernel_x: Kernel, kernel_y: Kernel) -> FloatArray:
    """Return log p by the saddlepoint approximation to the weighted sum of chi-squares."""
    weights = np.outer(kernel_x.spectrum, kernel_y.spectrum).ravel() / (kernel_x.n - 1)
    return saddlepoint_log_sf(statistic, weights)
