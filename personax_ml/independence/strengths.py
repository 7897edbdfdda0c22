"""How strong a dependence is, with a standard error, so that two groups of people can be compared.

Belongs here: strengths that do not grow when people are few, and their standard errors. Does not
belong here: the effect sizes that results report (`effects`), which have no error.

A strength is the square of an effect size (of kernel alignment, itself) less what independence
alone would let one expect. Its variance has two terms, as Hoeffding's decomposition of a
U-statistic has: the sum of squares of each person's influence on it, which vanishes at
independence, and the variance that it has there. The influence is known from the sample only, which
adds twice the second term to the first on average; that is taken out again, down to zero. Close to
independence the error so comes out too large, by up to a half, never too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personax_ml.independence.columns import ColumnError, FloatArray
from personax_ml.independence.profiles import Kernels
from personax_ml.independence.run import untestable
from personax_ml.independence.statistics.dcor import distance_features
from personax_ml.independence.statistics.kci import kernel_pairs
from personax_ml.independence.statistics.rcit import draw_features
from personax_ml.independence.statistics.residual import residual_features
from personax_ml.independence.tables import Strata, Table

FeaturePair = tuple[FloatArray, FloatArray]
"""Features of the distinct values of x and y, centred over the people of a table."""


@dataclass(frozen=True)
class Strength:
    """How strong a dependence is.

    Parameters
    ----------
    value : float
        Squared Cramer's V (chi2, gsq), squared distance correlation (hsic, dcor) or centred
        kernel alignment (kci, rcit), less its mean under independence; so it may be negative.
    error : float
        Its standard error.
    """

    value: float
    error: float


def strength(
    test: str, strata: Strata, *, seed: int = 0, kernels: Kernels | None = None
) -> Strength | None:
    """Return the strength that belongs to a test of the recommended profile.

    Parameters
    ----------
    test : {"kci", "rcit", "hsic", "chi2", "gsq", "dcor"}
        The test.
    strata : Strata
        The table, split by the condition if there is one.
    seed : int
        Seed of RCIT's random features.
    kernels : Kernels, optional
        Memory of kernels that other tables share.

    Returns
    -------
    Strength or None
        None where the test cannot be made either.

    Notes
    -----
    O(m r) for m non-empty cells and r features. Kernel widths count as given.
    """
    if untestable(strata) is not None:
        return None
    if test in ("chi2", "gsq"):
        return _of_counts(strata.informative)
    try:
        pairs = _features(test, strata, seed, kernels or Kernels())
    except ColumnError:
        return None
    return _of_features(strata.informative, pairs)


def _features(test: str, strata: Strata, seed: int, kernels: Kernels) -> list[FeaturePair]:
    tables = strata.informative
    if test == "kci":
        return [
            (x.features(), y.features()) for x, y in kernel_pairs(strata, "multiscale", kernels)
        ]
    if test == "rcit":
        x, y = (
            draw_features(axis, counts, "recommended", seed)
            for axis, counts in (
                (strata.pooled.x, strata.pooled.x_counts),
                (strata.pooled.y, strata.pooled.y_counts),
            )
        )
        residuals = residual_features(strata, x, y)
        return list(zip(residuals.x, residuals.y, strict=True))
    return [
        (distance_features(t.x, t.x_counts), distance_features(t.y, t.y_counts)) for t in tables
    ]


def _of_features(tables: Sequence[Table], pairs: Sequence[FeaturePair]) -> Strength:
    """Alignment T / sqrt(A B) with T = |X'Y|^2, A = |X'X|^2 and B = |Y'Y|^2 over people.

    With G = X X'Y Y' a person with values (a, b) adds 2 G_ab to T to first order, and so on.
    Under independence T has mean tr(X'X) tr(Y'Y) / n and variance 2 A B / n^2.
    """
    cross = [t.between(x, y) for t, (x, y) in zip(tables, pairs, strict=True)]
    scatters = [
        ((x.T * t.x_counts) @ x, (y.T * t.y_counts) @ y)
        for t, (x, y) in zip(tables, pairs, strict=True)
    ]
    norm_x, norm_y = (float(sum((s[i] ** 2).sum() for s in scatters)) for i in (0, 1))
    scale = float(np.sqrt(norm_x * norm_y))
    aligned = sum(float((c**2).sum()) for c in cross) / scale
    expected = sum(
        float(np.trace(sx) * np.trace(sy)) / t.n
        for t, (sx, sy) in zip(tables, scatters, strict=True)
    )
    spread = sum(
        2 * float((sx**2).sum() * (sy**2).sum()) / t.n**2
        for t, (sx, sy) in zip(tables, scatters, strict=True)
    )
    influence = 0.0
    for t, (x, y), c, (sx, sy) in zip(tables, pairs, cross, scatters, strict=True):
        own_x, own_y = ((x @ sx) * x).sum(axis=1), ((y @ sy) * y).sum(axis=1)
        joint = np.einsum("mi,mi->m", (x @ c)[t.rows], y[t.cols])
        change = 2 * joint / scale - aligned * (own_x[t.rows] / norm_x + own_y[t.cols] / norm_y)
        influence += float(t.cells @ change**2)
    return _strength(aligned - expected / scale, influence, spread / scale**2)


def _of_counts(tables: Sequence[Table]) -> Strength:
    """Squared Cramer's V, corrected for bias, weighted by the people of each table.

    With phi^2 = sum N^2 / (r c) - 1 a person in cell (a, b) adds 2 N_ab / (r_a c_b) less the
    averages of N / (r c) over row a and over column b to first order. Under independence
    n phi^2 has variance 2 (kx - 1)(ky - 1).
    """
    people = sum(t.n for t in tables)
    value = influence = spread = 0.0
    for t in tables:
        kx, ky = t.shape
        smaller = min(k - (k - 1) ** 2 / (t.n - 1) for k in t.shape) - 1
        if smaller <= 0:
            continue
        df = (kx - 1) * (ky - 1)
        ratio = t.cells / (t.x_counts[t.rows] * t.y_counts[t.cols])
        of_row = np.bincount(t.rows, t.cells * ratio, kx) / t.x_counts
        of_col = np.bincount(t.cols, t.cells * ratio, ky) / t.y_counts
        change = t.n * (2 * ratio - of_row[t.rows] - of_col[t.cols])
        weight = t.n / people / smaller
        value += weight * (t.chi2 / t.n - df / (t.n - 1))
        influence += weight**2 * float(t.cells @ change**2) / t.n**2
        spread += weight**2 * 2 * df / t.n**2
    return _strength(value, influence, spread)


def _strength(value: float, influence: float, spread: float) -> Strength:
    return Strength(value, float(np.sqrt(max(influence - 2 * spread, 0.0) + spread)))
