"""Null distributions: from a statistic to the logarithm of its p-value.

Belongs here: tails of gamma distributions and of weighted sums of chi-square variables. Does not
belong here: where the weights come from (the tests) or drawing random tables (`permutation`).

All functions return natural logarithms of upper tail probabilities, so that strong dependence
does not end in a zero.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincc, gammaln, log_ndtr

from personax_ml.independence.columns import FloatArray

_UNDERFLOW = 1e-280
_TERMS = 60
_SMALL = 0.05
_SERIES_TERMS = 14


def gamma_log_sf(statistic: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> FloatArray:
    """Return log P(G > statistic) for a gamma variable G.

    Where the probability underflows, the first terms of Legendre's continued fraction of the
    upper incomplete gamma function give the logarithm directly.
    """
    x = np.maximum(np.divide(statistic, scale), 0.0)
    a = np.asarray(shape, dtype=float)
    tail = np.asarray(gammaincc(a, x))
    far = tail < _UNDERFLOW
    log_tail: FloatArray = np.log(tail, out=np.zeros(tail.shape), where=~far)
    if far.any():
        x_far, a_far = np.broadcast_to(x, tail.shape)[far], np.broadcast_to(a, tail.shape)[far]
        fraction = x_far + 2 * _TERMS + 1.0 - a_far
        for i in range(_TERMS, 0, -1):
            fraction = x_far + 2 * i - 1.0 - a_far - i * (i - a_far) / fraction
        log_tail[far] = a_far * np.log(x_far) - x_far - gammaln(a_far) - np.log(fraction)
    return log_tail


def chi2_log_sf(statistic: ArrayLike, df: ArrayLike) -> FloatArray:
    """Return log P(X > statistic) for a chi-square variable X with df degrees of freedom."""
    return gamma_log_sf(statistic, np.asarray(df) / 2.0, 2.0)


def moment_matched_gamma_log_sf(statistic: ArrayLike, mean: float, variance: float) -> FloatArray:
    """Return the upper tail of the gamma distribution with the given mean and variance."""
    return gamma_log_sf(statistic, mean**2 / variance, variance / mean)


def hall_buckley_eagleson_log_sf(
    statistic: ArrayLike, power_sums: tuple[float, float, float]
) -> FloatArray:
    """Return the upper tail of sum_i w_i chi2_1 from its first three cumulants.

    A chi-square variable with matched skewness is shifted and scaled to the mean and variance
    (Buckley and Eagleson 1988).

    Parameters
    ----------
    statistic : array_like
        Where to evaluate.
    power_sums : tuple of float
        Sums of w_i, w_i^2 and w_i^3.
    """
    k1, k2, k3 = power_sums[0], 2 * power_sums[1], 8 * power_sums[2]
    df = 8 * k2**3 / k3**2
    matched = np.sqrt(2 * df / k2) * (np.asarray(statistic, dtype=float) - k1) + df
    return gamma_log_sf(matched, df / 2, 2.0)


def saddlepoint_log_sf(statistic: ArrayLike, weights: FloatArray) -> FloatArray:
    """Return the upper tail of sum_i w_i chi2_1 by the saddlepoint approximation.

    Lugannani and Rice's formula in Barndorff-Nielsen's form (Kuonen 1999):
    P(Q > q) = Phi(-r), r = w + log(v / w) / w, with the cumulant generating function
    K(t) = -sum log(1 - 2 t w_i) / 2, K'(t) = q, w = sign(t) sqrt(2 (t q - K)),
    v = t sqrt(K''). Exact if all weights are equal, where the chi-square tail is used. The
    relative error stays bounded however far out q is.

    Parameters
    ----------
    statistic : array_like, shape (m,)
        Values of q, positive.
    weights : ndarray, shape (r,)
        Positive weights.

    Returns
    -------
    ndarray, shape (m,)
    """
    q = np.asarray(statistic, dtype=float)
    largest = float(weights.max())
    scaled = np.sort(weights[weights > 1e-12 * largest] / largest)[::-1]
    if scaled[-1] > 1 - 1e-9:
        return chi2_log_sf(q / largest, len(scaled))
    flat = np.maximum(q.reshape(-1) / largest, 1e-300)
    t = _saddlepoints(flat, scaled)
    # with z_i = 2 t w_i / (1 - 2 t w_i): v^2 = sum z^2 / 2 and w^2 = sum (z - log(1 + z)), whose
    # difference is summed as such, so that nothing cancels near the mean, where both vanish
    s = 2.0 * t[:, None] * scaled
    z = s / (1.0 - s)
    v2 = 0.5 * np.einsum("ij,ij->i", z, z)
    excess = _log1p_remainder(z, -np.log1p(-s)).sum(axis=1)
    w = np.sign(t) * np.sqrt(v2 - excess)
    at_mean = w == 0.0
    safe_w, safe_v2 = np.where(at_mean, 1.0, w), np.where(at_mean, 1.0, v2)
    skewness = 8.0 * (scaled**3).sum() / (2.0 * (scaled**2).sum()) ** 1.5
    correction = np.where(at_mean, skewness / 6, -0.5 * np.log1p(-excess / safe_v2) / safe_w)
    log_tail: FloatArray = log_ndtr(-(w + correction))
    return log_tail.reshape(q.shape)


def _log1p_remainder(z: FloatArray, log1p: FloatArray) -> FloatArray:
    """Return log(1 + z) - z + z^2 / 2 without cancellation, given z and log(1 + z)."""
    small = np.abs(z) < _SMALL
    safe = np.where(small, z, 0.0)
    series = np.zeros_like(z)
    for power in range(_SERIES_TERMS, 2, -1):
        series = safe * (series + (1 if power % 2 else -1) / power)
    return np.where(small, series * safe * safe, log1p - z + z * z / 2)


def _saddlepoints(q: FloatArray, weights: FloatArray) -> FloatArray:
    """Solve K'(t) = q by safeguarded Newton steps; the largest weight is 1, so t < 1/2."""
    low = -len(weights) / (2 * q) - 1.0
    high = np.full_like(q, 0.5)
    t = np.where(q > weights.sum(), 0.5 * (1 - 1 / (1 + q)), 0.0)
    for _ in range(100):
        u = 1.0 - 2.0 * t[:, None] * weights
        slope = (weights / u).sum(axis=1)
        gap = slope - q
        if np.all(np.abs(gap) <= 1e-12 * q):
            break
        low, high = np.where(gap < 0, t, low), np.where(gap > 0, t, high)
        step = t - gap / (2.0 * (weights**2 / u**2).sum(axis=1))
        t = np.where((step > low) & (step < high), step, (low + high) / 2)
    return t
