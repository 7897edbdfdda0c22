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


def gamma_log_sf(statistic: ArrayLike, shape: ArrayLike, scale: ArrayLike) -> FloatArray:
    """Return log P(G > statistic) for a gamma variable G.

    Where the probability underflows, the first terms of Legendre's continued fraction of the
    upper incomplete gamma function give the logarithm directly.
    """
    x = np.maximum(np.asarray(statistic, dtype=float) / scale, 0.0)
    a = np.asarray(shape, dtype=float)
    tail = np.asarray(gammaincc(a, x))
    log_tail: FloatArray = np.log(np.maximum(tail, _UNDERFLOW))
    far = tail < _UNDERFLOW
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


def hall_buckley_eagleson_log_sf(statistic: ArrayLike, weights: FloatArray) -> FloatArray:
    """Return the upper tail of sum_i w_i chi2_1 from its first three cumulants.

    A chi-square variable with matched skewness is shifted and scaled to the mean and variance
    (Buckley and Eagleson 1988).
    """
    k1, k2, k3 = (c * float((weights**p).sum()) for p, c in ((1, 1.0), (2, 2.0), (3, 8.0)))
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
    u = 1.0 - 2.0 * t[:, None] * scaled
    cumulant = -0.5 * np.log(u).sum(axis=1)
    curvature = 2.0 * (scaled**2 / u**2).sum(axis=1)
    w = np.sign(t) * np.sqrt(np.maximum(2.0 * (t * flat - cumulant), 0.0))
    v = t * np.sqrt(curvature)
    k2, k3 = 2.0 * (scaled**2).sum(), 8.0 * (scaled**3).sum()
    near = np.abs(w) < 1e-4
    safe_w, safe_v = np.where(near, 1.0, w), np.where(near, 1.0, v)
    # at the mean, log(v / w) / w tends to K''' / (6 K''^(3/2))
    r = w + np.where(near, k3 / (6 * k2**1.5), np.log(safe_v / safe_w) / safe_w)
    log_tail: FloatArray = log_ndtr(-r)
    return log_tail.reshape(q.shape)


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
