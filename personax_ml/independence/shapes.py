"""Families of kernels: Gaussian on a line, Gaussian of the chord on a circle, delta.

Belongs here: a kernel's formula with its widths, apart from any data, and how it is represented
on given distinct values. Does not belong here: which widths a profile chooses (`profiles`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ive

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.fourier import FourierKernel
from personax_ml.independence.kernels import DeltaKernel, DenseKernel, Kernel

_TAIL = 8.6
"""exp(-_TAIL**2 / 2) is below 1e-16: Gaussians are cut there."""

_ERROR = 6 * float(np.exp(-(_TAIL**2) / 2))
"""Two copies of the Gaussian at distance _TAIL and two cut tails of its spectral density."""

MAX_DENSE = 256
"""Number of distinct values up to which a matrix is always cheaper than a series."""

_MAX_MATRIX = 4096


@dataclass(frozen=True)
class Shape:
    """A stationary kernel k(a, b) that is 1 at a = b.

    Parameters
    ----------
    family : {"gaussian", "circular", "delta"}
        sum_i s_i exp(-d^2 / 2 w_i^2), d being |a - b| or, on a circle, the chord of the unit
        circle; or 1 if a = b, else 0.
    widths : tuple of float
        w_i.
    shares : tuple of float
        s_i, of sum 1.
    period : float, optional
        Length of the cycle of a circular variable.
    """

    family: Literal["gaussian", "circular", "delta"]
    widths: tuple[float, ...] = ()
    shares: tuple[float, ...] = (1.0,)
    period: float | None = None

    def on(self, positions: FloatArray, counts: FloatArray, max_dense: int = MAX_DENSE) -> Kernel:
        """Return the kernel on distinct values that occur so and so often.

        Parameters
        ----------
        positions : ndarray, shape (k,)
            The distinct values, ascending.
        counts : ndarray, shape (k,)
            How often each occurs.
        max_dense : int
            Number of distinct values up to which the kernel is a matrix; above, a cosine series
            if that is smaller.
        """
        if self.family == "delta":
            return DeltaKernel(counts)
        if self.family == "circular":
            return self._on_circle(positions, counts, max_dense)
        return self._on_line(positions, counts, max_dense)

    def _on_line(self, positions: FloatArray, counts: FloatArray, max_dense: int) -> Kernel:
        k = len(positions)
        if k <= max_dense:
            return DenseKernel(self._gaussian_matrix(positions), counts)
        positions = self._without_gaps(positions)
        widest = max(self.widths)
        step = 2 * np.pi / (float(positions[-1]) + _TAIL * widest)
        size = int(np.ceil(_TAIL / min(self.widths) / step)) + 1
        if 2 * size >= k and k <= _MAX_MATRIX:
            return DenseKernel(self._gaussian_matrix(positions), counts)
        series = _gaussian_series(self.widths, self.shares, step)
        # the product of two Gaussians is a Gaussian of smaller width
        products = [float(np.hypot(1 / a, 1 / b)) ** -1 for a in self.widths for b in self.widths]
        squared = _gaussian_series(products, self._squared_shares, step)
        return FourierKernel(positions, counts, step, series, squared, _ERROR)

    def _without_gaps(self, positions: FloatArray) -> FloatArray:
        """Start at 0 and close gaps in which the kernel vanishes, which changes none of its values.

        The length of the cosine series thus does not depend on how far away outliers are.
        """
        steps = np.minimum(np.diff(positions), _TAIL * max(self.widths))
        return np.concatenate(([0.0], np.cumsum(steps)))

    def _on_circle(self, positions: FloatArray, counts: FloatArray, max_dense: int) -> Kernel:
        assert self.period is not None
        angles = 2 * np.pi * positions / self.period
        concentrations = [1 / w**2 for w in self.widths]
        if len(angles) <= max_dense:
            chords = 1 - np.cos(np.subtract.outer(angles, angles))
            matrix = _mixed([np.exp(-c * chords) for c in concentrations], self.shares)
            return DenseKernel(matrix, counts)
        series = _circular_series(concentrations, self.shares)
        squared = _circular_series(
            [a + b for a in concentrations for b in concentrations], self._squared_shares
        )
        return FourierKernel(angles, counts, 1.0, series, squared, _ERROR)

    @property
    def _squared_shares(self) -> tuple[float, ...]:
        return tuple(a * b for a in self.shares for b in self.shares)

    def _gaussian_matrix(self, positions: FloatArray) -> FloatArray:
        squares = np.subtract.outer(positions, positions)
        squares *= squares
        return _mixed([np.exp(squares * (-0.5 / w**2)) for w in self.widths], self.shares)


def _mixed(parts: Sequence[FloatArray], shares: Sequence[float]) -> FloatArray:
    total = shares[0] * parts[0]
    for share, part in zip(shares[1:], parts[1:], strict=True):
        total += share * part
    return total


def _gaussian_series(widths: Sequence[float], shares: Sequence[float], step: float) -> FloatArray:
    """Trapezoidal weights of the spectral density of a mixture of Gaussians."""
    frequency = step * np.arange(int(np.ceil(_TAIL / min(widths) / step)) + 1)
    densities = [
        step * w / np.sqrt(2 * np.pi) * np.exp(-((w * frequency) ** 2) / 2) for w in widths
    ]
    series = _mixed(densities, shares)
    series[1:] *= 2
    return series


def _circular_series(concentrations: Sequence[float], shares: Sequence[float]) -> FloatArray:
    """exp(c (cos d - 1)) = exp(-c) (I_0(c) + 2 sum_j I_j(c) cos(j d))."""
    largest = max(concentrations)
    j = np.arange(32 + int(12 * np.sqrt(largest) + largest / 8))
    series = _mixed([ive(j, c) for c in concentrations], shares)
    series[1:] *= 2
    return series[: int(np.flatnonzero(series > 1e-18)[-1]) + 1]
