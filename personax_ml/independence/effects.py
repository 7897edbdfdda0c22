"""Effect sizes: how strong a dependence is, whatever n is.

Belongs here: measures between 0 and 1 that are functions of a table. Does not belong here:
p-values.
"""

import math


def cramers_v(chi2: float, n: int, rows: int, cols: int) -> float:
    """Return Cramer's V with Bergsma's (2013) correction for bias.

    phi^2 = max(0, chi2 / n - (r - 1)(c - 1) / (n - 1)), divided by the smaller of the corrected
    numbers of rows and columns, k - (k - 1)^2 / (n - 1), less one.

    Parameters
    ----------
    chi2 : float
        Pearson's statistic.
    n : int
        Number of observations.
    rows, cols : int
        Numbers of distinct values.
    """
    phi2 = max(0.0, chi2 / n - (rows - 1) * (cols - 1) / (n - 1))
    smaller = min(k - (k - 1) ** 2 / (n - 1) for k in (rows, cols)) - 1
    return math.sqrt(min(1.0, phi2 / smaller)) if smaller > 0 else 0.0


def alignment(cross: float, x_norm: float, y_norm: float) -> float:
    """Return centred kernel alignment, cross / sqrt(|Kxc|^2 |Kyc|^2) (Cortes et al. 2012)."""
    return min(max(cross / math.sqrt(x_norm * y_norm), 0.0), 1.0)
