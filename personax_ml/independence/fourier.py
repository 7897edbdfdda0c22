"""Stationary kernels as cosine series, for columns of many distinct values.

Belongs here: sums of exp(i j h x) over rows and what follows from them. Does not belong here:
the coefficients of a particular kernel (`shapes`).
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.kernels import RELATIVE_RANK, Kernel, significant

ComplexArray = NDArray[np.complex128]

_CHUNK = 1 << 14
"""Values whose powers are kept; of more, they are computed chunk by chunk."""


class FourierKernel(Kernel):
    """A stationary kernel on a line or circle as a finite cosine series.

    k(d) = sum_j a_j cos(j h d), a_j >= 0, is exact for the circular kernel but for its cut tail.
    For a Gaussian on a line it is the trapezoidal rule applied to its spectral density; by
    Poisson's summation formula the error is the sum of the copies of the kernel at distance
    2 pi / h, which is chosen so far away that they vanish, and the cut tail of the series.
    Everything then follows from sums of exp(i j h x) over rows, group by group of the other
    variable: O(k r) with matrix products for r frequencies, whatever n is.

    Parameters
    ----------
    positions : ndarray, shape (k,)
        The distinct values in the unit of the kernel.
    counts : ndarray, shape (k,)
        How often each occurs.
    step : float
        h.
    series, squared_series : ndarray
        a_j of the kernel and of its square.
    error_bound : float
        Bound on the absolute error of k(d).
    """

    def __init__(
        self,
        positions: FloatArray,
        counts: FloatArray,
        step: float,
        series: FloatArray,
        squared_series: FloatArray,
        error_bound: float,
    ) -> None:
        super().__init__(counts)
        self.positions = positions
        self.step = step
        self.series = series
        self.squared_series = squared_series
        self.error_bound = error_bound
        self._powers_of_all: tuple[ComplexArray, ComplexArray] | None = None
        self._last: tuple[FloatArray, ComplexArray] | None = None

    def _transform(self, weights: FloatArray, frequencies: int) -> ComplexArray:
        """Return sum_a weights[a, g] exp(i j h x_a), shape (frequencies, g).

        j is split into a high and a low part so that a matrix product of two thin factors
        yields all frequencies.
        """
        high = -(-frequencies // self._low)
        total = np.zeros((weights.shape[1], high, self._low), dtype=np.complex128)
        for part, fine, coarse in self._factors(high):
            for g, column in enumerate(weights[part].T):
                used = np.flatnonzero(column)
                if 2 * len(used) > len(column):
                    total[g] += (coarse * column) @ fine.T
                elif len(used):
                    total[g] += (coarse[:, used] * column[used]) @ fine[:, used].T
        return total.reshape(weights.shape[1], -1)[:, :frequencies].T

    @property
    def _low(self) -> int:
        return int(np.ceil(np.sqrt(len(self.squared_series))))

    def _factors(self, high: int) -> Iterator[tuple[slice, ComplexArray, ComplexArray]]:
        """Yield exp(i j h x) for j = 0, 1, .. and j = 0, low, 2 low, .., in chunks of values."""
        if len(self.positions) <= _CHUNK:
            if self._powers_of_all is None or len(self._powers_of_all[1]) < high:
                self._powers_of_all = self._powers_of(slice(None), high)
            fine, coarse = self._powers_of_all
            yield slice(None), fine, coarse[:high]
            return
        for start in range(0, len(self.positions), _CHUNK):
            part = slice(start, start + _CHUNK)
            yield part, *self._powers_of(part, high)

    def _powers_of(self, part: slice, high: int) -> tuple[ComplexArray, ComplexArray]:
        angle = 1j * self.step * self.positions[part]
        return _powers(np.exp(angle), self._low), _powers(np.exp(self._low * angle), high)

    @cached_property
    def _mass(self) -> ComplexArray:
        """The transform of the counts."""
        return self._transform(self.counts[:, None], len(self.squared_series))[:, 0]

    def between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' K right."""
        return self._series_between(self.series, left, right)

    def squared_between(self, left: FloatArray, right: FloatArray) -> FloatArray:
        """Return left' (K * K) right."""
        return self._series_between(self.squared_series, left, right)

    def _remembered(self, weights: FloatArray, frequencies: int) -> ComplexArray:
        """Return the transform of a table, which several sums over it need in turn."""
        if self._last is None or self._last[0] is not weights or len(self._last[1]) < frequencies:
            self._last = weights, self._transform(weights, frequencies)
        return self._last[1][:frequencies]

    def _series_between(
        self, series: FloatArray, left: FloatArray, right: FloatArray
    ) -> FloatArray:
        b = self._remembered(right, len(series))
        a = b if left is right else self._transform(left, len(series))
        real: FloatArray = ((a.conj().T * series) @ b).real
        return real

    def centred_between(self, weights: FloatArray) -> FloatArray:
        """Return weights' Kc weights, centring after the transform, which keeps zeros sparse."""
        a = self._remembered(weights, len(self.series))
        a = a - np.outer(self._mass[: len(self.series)], weights.sum(axis=0) / self.n)
        real: FloatArray = ((a.conj().T * self.series) @ a).real
        return real

    def row_means(self) -> FloatArray:
        """Return K c / n."""
        high = -(-len(self.series) // self._low)
        grid = np.zeros(high * self._low, dtype=np.complex128)
        grid[: len(self.series)] = self.series * self._mass[: len(self.series)].conj() / self.n
        means = np.empty(len(self.positions))
        for part, fine, coarse in self._factors(high):
            sums = np.einsum("ha,ha->a", coarse, grid.reshape(high, self._low) @ fine)
            means[part] = sums.real
        return means

    def features(self) -> FloatArray:
        """Return F with F F' = Kc."""
        phases = self.step * np.outer(self.positions, np.arange(len(self.series)))
        amplitude = np.sqrt(self.series)
        basis = np.hstack((amplitude * np.cos(phases), amplitude[1:] * np.sin(phases[:, 1:])))
        basis -= self.counts @ basis / self.n
        values, vectors = np.linalg.eigh((basis.T * self.counts) @ basis)
        keep = values > RELATIVE_RANK * max(values[-1], 1.0)
        reduced: FloatArray = basis @ vectors[:, keep][:, ::-1]
        return reduced

    @cached_property
    def spectrum(self) -> FloatArray:
        """Eigenvalues of the feature covariance, from sums of and differences in frequency."""
        r = len(self.series)
        sums = self._transform(self.counts[:, None], 2 * r - 1)[:, 0]
        j = np.arange(r)
        difference, total = np.abs(j[:, None] - j[None, :]), j[:, None] + j[None, :]
        sign = np.sign(j[:, None] - j[None, :])
        cos_cos = (sums.real[difference] + sums.real[total]) / 2
        sin_sin = (sums.real[difference] - sums.real[total]) / 2
        sin_cos = (sums.imag[total] + sign * sums.imag[difference]) / 2
        gram = np.block([[cos_cos, sin_cos.T], [sin_cos, sin_sin]])
        mean = np.concatenate((sums.real[:r], sums.imag[:r]))
        amplitude = np.tile(np.sqrt(self.series), 2)
        gram -= np.outer(mean, mean) / self.n
        gram *= np.outer(amplitude, amplitude)
        return significant(np.linalg.eigvalsh(gram)[::-1])


def _powers(base: ComplexArray, number: int) -> ComplexArray:
    powers = np.empty((number, len(base)), dtype=np.complex128)
    powers[0] = 1.0
    for j in range(1, number):
        np.multiply(powers[j - 1], base, out=powers[j])
    return powers
