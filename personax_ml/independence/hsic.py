"""HSIC: Hilbert-Schmidt independence criterion (Gretton et al. 2008), unconditional.

Belongs here: the statistic and its null on one table. Does not belong here: the choice of kernels
(`profiles`).
"""

import numpy as np

from personax_ml.independence.dcor import distance_correlation
from personax_ml.independence.kci import spectral_null
from personax_ml.independence.kernel_pair import (
    cross_statistic,
    squared_cross,
    squared_cross_diagonal,
)
from personax_ml.independence.nulls import moment_matched_gamma_log_sf
from personax_ml.independence.profiles import KernelChoice, KernelSource, Profile, build_kernel
from personax_ml.independence.results import TestResult, from_log_p
from personax_ml.independence.tables import Table


def hsic_table(
    table: Table, profile: Profile = "recommended", kernels: KernelSource = build_kernel
) -> TestResult:
    """Test independence of the two columns of a table by HSIC.

    The statistic is the biased estimate, the sum of Kxc * Kyc over pairs of rows divided by n^2.
    The paper's profile takes Gaussians of width 1 / sqrt 2 in raw units and a gamma null with
    the mean and variance of Gretton et al., theorems 3 and 4; the recommended one the median
    distance as width and the spectral null.

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
        The effect size is distance correlation, which is HSIC with the distance itself in place
        of the kernel (Sejdinovic et al. 2013) and free of any width.
    """
    choice: KernelChoice = "paper_hsic" if profile == "paper" else "median"
    kernel_x = kernels(choice, table.x, table.x_counts)
    kernel_y = kernels(choice, table.y, table.y_counts)
    n = table.n
    total = cross_statistic(table, kernel_x, kernel_y)
    if profile == "paper":
        mu_x, mu_y = ((n * k.mean - 1) / (n - 1) for k in (kernel_x, kernel_y))
        mean = (1 + mu_x * mu_y - mu_x - mu_y) / n
        pairs = squared_cross(table, kernel_x, kernel_y) - squared_cross_diagonal(
            table, kernel_x, kernel_y
        )
        factor = 2 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3))
        log_p = moment_matched_gamma_log_sf(total / n**2, mean, factor * pairs / n**2)
    else:
        log_p = spectral_null(total, kernel_x, kernel_y)
    return from_log_p(
        "hsic",
        total / n**2,
        float(np.asarray(log_p)),
        effect_size=distance_correlation(table),
        effect_measure="dcor",
        n=n,
        null_approximation="gamma" if profile == "paper" else "spectral saddlepoint",
    )
